"""The column cache: the same data as the text, never stale, never believed when damaged."""

from __future__ import annotations

import dataclasses
import logging
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recbole_ext.data import atomic_cache as column_cache
from recbole_ext.data import files
from recbole_ext.data.atomic_cache import cache_path, read_columns
from recbole_ext.data.atomic_reader import parse_inter
from recbole_ext.data.build import fingerprint
from recbole_ext.data.interactions import Interactions, read_interactions, split_interactions
from recbole_ext.data.movielens import prepare
from recbole_ext.errors import DataError
from tests.conftest import write_inter
from tests.data.movielens.raw_sets import CSV, write_set

ROWS = [("b", "x", 4.0, 5), ("a", "y", 3.5, 9), ("b", "y", 2.0, 5), ("a", "x", 1.0, 3), ("a", "z", 5.0, 4)]


def same(one: Interactions, other: Interactions) -> bool:
    fields = [field.name for field in dataclasses.fields(Interactions)]
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        and np.asarray(getattr(one, name)).dtype == np.asarray(getattr(other, name)).dtype
        for name in fields
    )


def no_parsing(path: Path) -> None:
    raise AssertionError(f"{path} is parsed, though it has a cache")


@pytest.mark.parametrize("tie_break", ["file", "random"])
@pytest.mark.parametrize("threshold", [None, 2.0])
def test_cache_and_text_give_the_same_data(inter, monkeypatch, tie_break, threshold):
    path = inter(ROWS)
    wanted = {"tie_break": tie_break, "rating_threshold": threshold, "seed": 3}
    from_text = read_interactions(path, **wanted)
    monkeypatch.setattr(column_cache, "parse_inter", no_parsing)
    from_cache = read_interactions(path, **wanted)
    assert same(from_text, from_cache)


def test_a_real_set_is_the_same_from_prepares_cache_and_from_its_text(movielens_small, tmp_path, monkeypatch):
    folder = prepare("ml-latest-small", source=movielens_small, out=tmp_path, download=False).folder
    path = folder / "ml-latest-small.inter"
    core = {"min_user_interactions": 5, "min_item_interactions": 5}
    with monkeypatch.context() as patch:
        patch.setattr(column_cache, "parse_inter", no_parsing)
        from_cache = read_interactions(path, **core)
    cache_path(path).unlink()
    from_text = read_interactions(path, **core)
    assert same(from_cache, from_text)
    marks = {fingerprint(split_interactions(data, "leave_one_out")) for data in (from_cache, from_text)}
    assert len(marks) == 1


def test_prepare_writes_the_cache_of_the_file_it_writes(tmp_path, monkeypatch):
    source = write_set(tmp_path / "raw" / "ml-latest-small", CSV)
    folder = prepare("ml-latest-small", source=source, out=tmp_path / "out", download=False).folder
    path = folder / "ml-latest-small.inter"
    parsed = parse_inter(path)
    monkeypatch.setattr(column_cache, "parse_inter", no_parsing)
    cached = read_columns(path)
    for name in ("users", "items"):
        tokens = [getattr(columns, f"{name[:-1]}_tokens") for columns in (parsed, cached)]
        codes = [getattr(columns, name) for columns in (parsed, cached)]
        assert tokens[0].gather(codes[0]).to_list() == tokens[1].gather(codes[1]).to_list()
    assert np.array_equal(parsed.ratings, cached.ratings)
    assert np.array_equal(parsed.times, cached.times)


def test_a_changed_text_is_noticed_though_size_and_date_stay(inter):
    path = inter(ROWS)
    read_interactions(path)
    date = path.stat()
    path.write_text(path.read_text(encoding="utf-8").replace("a\tz", "a\tq"), encoding="utf-8")
    os.utime(path, ns=(date.st_atime_ns, date.st_mtime_ns))
    assert path.stat().st_size == date.st_size
    for _ in range(2):
        assert read_interactions(path).item_tokens.tolist() == ["[PAD]", "q", "x", "y"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_flipped_byte_never_changes_the_data(inter, place, flip):
    path = inter(ROWS)
    cache_path(path).unlink(missing_ok=True)
    right = read_interactions(path)
    content = bytearray(cache_path(path).read_bytes())
    content[int(place * len(content))] ^= flip
    cache_path(path).write_bytes(content)
    assert same(read_interactions(path), right)


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.99])
def test_a_truncated_cache_is_made_anew_with_one_line(inter, caplog, monkeypatch, keep):
    path = inter(ROWS)
    right = read_interactions(path)
    whole = cache_path(path).read_bytes()
    cache_path(path).write_bytes(whole[: keep if keep in (0, 1, 100) else int(keep * len(whole))])
    with caplog.at_level(logging.WARNING):
        assert same(read_interactions(path), right)
    assert len(caplog.records) == 1
    assert str(cache_path(path)) in caplog.text
    assert "\n" not in caplog.records[0].getMessage()
    monkeypatch.setattr(column_cache, "parse_inter", no_parsing)
    assert same(read_interactions(path), right)


def test_a_folder_that_cannot_be_written_needs_no_cache(inter, monkeypatch):
    path = inter(ROWS)

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files.os, "replace", refuse)
    assert len(read_interactions(path)) == len(ROWS)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_nothing_but_the_cache_is_left_beside_the_text(tmp_path):
    path = write_inter(tmp_path, "toy", ROWS)
    read_columns(path)
    assert sorted(file.name for file in path.parent.iterdir()) == ["toy.inter", "toy.inter.arrow"]
    assert cache_path(path).stat().st_mode == path.stat().st_mode


def test_a_cache_with_a_token_that_is_refused_now_does_not_let_it_pass(inter):
    """Earlier versions took the name of padding as a user, and their caches hold it."""
    path = inter([("a", "x", 4.0, 5), ("[PAD]", "x", 4.0, 6)])
    good = inter([("a", "x", 4.0, 5), ("b", "x", 4.0, 6)])
    text = good.read_text().replace("b\tx", "[PAD]\tx")
    columns = parse_inter(good)
    path.write_text(text)
    tokens = columns.user_tokens.str.replace("b", "[PAD]", literal=True)
    column_cache.write_cache(path, dataclasses.replace(columns, user_tokens=tokens))
    with pytest.raises(DataError, match=r"line 3: user_id is '\[PAD\]', which cannot be a token"):
        read_columns(path)
