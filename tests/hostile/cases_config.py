"""YAML files: bombs, odd encodings, wrong shapes."""

from __future__ import annotations

from tests.hostile.case import Case, append, write

_COMMAND = "--model=BPR --config=evil.yaml --output=saved/new"
_NINES = "9" * 6000
_NESTED_MAPS = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{x: *a{n - 1}, y: *a{n - 1}}}\n" for n in range(1, 33))
_NESTED_LISTS = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 33))
_TOPK_BOMB = _NESTED_LISTS + "topk: *a32\n"
_MERGE_BOMB = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}, *a{n - 1}, *a{n - 1}], k{n}: 1}}\n" for n in range(1, 26)
)


def file(what: str, content: str | bytes, words: str = r"evil\.yaml", real: bool = False) -> Case:
    """A configuration file."""
    return Case(f"YAML: {what}", _COMMAND, words, write("evil.yaml", content), real)


CASES = [
    file("33 nested maps of aliases", _NESTED_MAPS),
    file("33 nested lists of aliases", _NESTED_LISTS),
    file("an alias bomb as a known key", _TOPK_BOMB),
    file("merge keys that double", _MERGE_BOMB),
    file("a map that holds itself", "topk: &a {b: *a}\n"),
    file("a list that holds itself", "topk: &a [5, *a]\n"),
    file("a file that is its own alias", "&a {topk: *a}\n"),
    file("a map merged into itself", "dataset: toy\nrerank: &a {<<: *a, method: mmr}\n"),
    file("an integer of 6,000 digits", f"epochs: {_NINES}\n"),
    file("an integer of 6,000 hexadecimal digits", f"epochs: 0x{'f' * 6000}\n"),
    file("an integer of 6,000 binary digits", f"seed: 0b{'1' * 6000}\n"),
    file("a sexagesimal integer of 3,000 places", f"seed: 1{':59' * 3000}\n"),
    file("6,000 digits inside a list", f"topk: [5, {_NINES}]\n"),
    file("a float of 6,000 digits", f"learning_rate: {_NINES}.5\n", "learning_rate"),
    file("a key of 6,000 digits", f"{_NINES}: 1\n"),
    file("a list 4,000 deep", f"topk: {'[' * 4000}{']' * 4000}\n"),
    file("a map 4,000 deep", f"rerank: {'{a: ' * 4000}1{'}' * 4000}\n"),
    file("a list 100,000 deep", f"topk: {'[' * 100_000}\n"),
    file("block lists 2,000 deep", "topk:\n" + "".join(f"{' ' * n}-\n" for n in range(1, 2000))),
    file("33 nested maps at the real command line", _NESTED_MAPS, real=True),
    file("a recursive list at the real command line", "topk: &a [5, *a]\n", real=True),
    file("a list 4,000 deep at the real command line", f"topk: {'[' * 4000}{']' * 4000}\n", real=True),
    file("a list at the top", "- a\n- b\n"),
    file("a number at the top", "3\n"),
    file("text at the top", "hello\n"),
    file("two documents", "dataset: toy\n---\ndataset: toy\n"),
    file("a key that comes twice", "dataset: toy\nepochs: 1\nepochs: 2\n"),
    file("a numeric key", "1: 2\n"),
    file("a key that is true", "true: 2\n"),
    file("a key that is a list", "? [a, b]\n: 2\n"),
    file("a null key", "~: 2\n"),
    file("a tab for indentation", "rerank:\n\tmethod: mmr\n"),
    file("an open quote", "dataset: 'toy\n"),
    file("an open bracket", "topk: [5\n"),
    file("a Python object", "dataset: !!python/object/apply:os.system ['touch owned']\n"),
    file("an unknown tag", "dataset: !secret toy\n"),
    file("binary data", "dataset: !!binary aGVsbG8=\n", "dataset|evil"),
    file("a set", "topk: !!set {5, 10}\n", "topk"),
    file("an ordered map", "topk: !!omap [a: 1]\n", "topk"),
    file("Latin-1", "dataset: toy # \xe9\n".encode("latin-1")),
    file("UTF-16 without a mark", "dataset: toy\n".encode("utf-16-le")),
    file("a NUL", "dataset: toy\0\n"),
    file("random bytes", bytes(range(128, 256)) * 4),
    file("a bell", "dataset: to\x07y\n"),
    file("an unknown key", "datset: toy\n", "dataset"),
    file("a file of blocks", "train:\n  dataset: toy\n", "train"),
    file("a NUL in a path", 'dataset: toy\noutput: "a\\0b"\n', "output"),
    file("an escape sequence in a name", 'dataset: "\\e]0;owned\\a"\n', "dataset"),
    file("an alias without an anchor", "topk: *nothing\n"),
    file("a directive from the future", "%YAML 9.9\n---\ndataset: toy\n"),
    file("an anchor used twice", "topk: &a [5]\nmetrics: &a [NDCG]\nrerank: *a\n", "rerank|evil"),
    file("a 1 MB comment and a mistake", "#" + "x" * 1_000_000 + "\nepochs: none\n", "epochs"),
    Case("YAML: a damaged line at the end of a good file", "--model=BPR --config=toy.yaml --output=saved/new", r"toy\.yaml", append("toy.yaml", "epochs 3\n")),
    Case(
        "YAML: a byte-order mark is harmless",
        "--model=Pop --config=evil.yaml --output=saved/new",
        setup=lambda root: (root / "evil.yaml").write_bytes(b"\xef\xbb\xbf" + (root / "toy.yaml").read_bytes()),
        survives=lambda outcome, root: None,
    ),
    Case(
        "YAML: Windows line ends are harmless",
        "--model=Pop --config=evil.yaml --output=saved/new",
        setup=lambda root: (root / "evil.yaml").write_bytes((root / "toy.yaml").read_bytes().replace(b"\n", b"\r\n")),
        survives=lambda outcome, root: None,
    ),
    Case(
        "YAML: an alias used once is harmless",
        "--model=Pop --config=evil.yaml --output=saved/new",
        setup=lambda root: (root / "evil.yaml").write_text(
            (root / "toy.yaml").read_text().replace("topk: [5]", "topk: &k [5]\nsplit_ratio: [0.8, 0.1, 0.1]"), "utf-8"
        ),
        survives=lambda outcome, root: None,
    ),
]
