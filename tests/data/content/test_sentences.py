"""The sentence model is asked offline, and what is missing of it is one sentence."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from recbole_ext.data.content.sentences import sentence_vectors
from recbole_ext.errors import ConfigError


def stub(monkeypatch: pytest.MonkeyPatch, load: Any) -> None:
    module = ModuleType("wordllama")
    module.__file__ = "/somewhere/wordllama/__init__.py"
    module.WordLlama = type("WordLlama", (), {"load": staticmethod(load)})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wordllama", module)


def test_it_loads_the_weights_of_its_own_package(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    class Model:
        def embed(self, texts: list[str]) -> np.ndarray:
            return np.array([[len(text), 1.0] for text in texts])

    def load(**keys: Any) -> Model:
        asked.update(keys)
        return Model()

    stub(monkeypatch, load)
    assert sentence_vectors(["Heat", "Up"]).tolist() == [[4.0, 1.0], [2.0, 1.0]]
    assert str(asked["cache_dir"]) == "/somewhere/wordllama"
    assert asked["disable_download"] is True


def test_without_the_extra_it_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wordllama", None)
    with pytest.raises(ConfigError, match=r"pip install 'recbole_ext\[text\]', or set text_model: tfidf"):
        sentence_vectors(["Heat"])


def test_without_its_weights_it_says_where_it_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(**keys: Any) -> None:
        raise FileNotFoundError("no weights\nanywhere")

    stub(monkeypatch, load)
    with pytest.raises(
        ConfigError, match=r"cannot be loaded from /somewhere/wordllama \(no weights anywhere\)"
    ):
        sentence_vectors(["Heat"])
