"""Vectors of texts from a sentence model whose weights come with its package: the extra ``text``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from recbole_ext.errors import ConfigError

__all__ = ["sentence_vectors"]


def sentence_vectors(texts: list[str]) -> np.ndarray:
    """``(n, 256) float32`` vectors of texts from wordllama, which loads nothing from elsewhere.

    wordllama (MIT licence) averages vectors of sub-words, which were distilled from the input embeddings of Llama 2 70B
    and other language models; the licences of these apply to the weights.

    Raises:
        ConfigError: The package is not installed, or its weights are not where it keeps them.
    """
    try:
        import wordllama
    except ImportError:
        raise ConfigError(
            "text_model is wordllama, which is not installed: pip install 'recbole_ext[text]', or set text_model: tfidf"
        ) from None
    folder = Path(wordllama.__file__).parent
    try:
        model: Any = wordllama.WordLlama.load(cache_dir=folder, disable_download=True)
        return np.asarray(model.embed(texts), dtype=np.float32)
    except Exception as error:  # whatever it says of files that it does not find
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"text_model is wordllama, but its weights cannot be loaded from {folder} ({reason}): install it again, or "
            "set text_model: tfidf"
        ) from error
