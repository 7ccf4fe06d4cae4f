"""YAML as people write it: ``1e-3`` is a number, a date is text, a key that comes twice is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from recbole_ext.config.problem import Key, Origin
from recbole_ext.errors import ConfigError

__all__ = ["Document", "as_document", "parse_value", "read_packaged_yaml", "read_yaml"]

_FLOAT = re.compile(
    r"""^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
           |[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+
           |[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?
           |[-+]?\.(?:inf|Inf|INF)
           |\.(?:nan|NaN|NAN))$""",
    re.VERBOSE,
)
_MOST_NODES = 100_000
_MOST_DEPTH = 50
# No setting comes near: the largest double has 309 digits.
_LONGEST_INTEGER = 400
_LONGEST_ORIGIN = 80
_REPLACED_TAGS = {"tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp"}


def _loader_on(base: Any) -> Any:
    """Plain data only. YAML 1.1 reads ``1e-3`` as text and lets the second of two equal keys win."""

    class Loader(base):  # type: ignore[misc]
        yaml_implicit_resolvers = {  # noqa: RUF012
            first: [entry for entry in entries if entry[0] not in _REPLACED_TAGS]
            for first, entries in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            seen = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                    if key.value in seen:
                        raise yaml.constructor.ConstructorError(
                            None, None, f"the key {key.value!r} comes twice", key.start_mark
                        )
                    seen.add(key.value)
            mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
            return mapping

    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))
    return Loader


# libyaml is ten times as fast, but its errors have other words, and deep nesting overflows the stack in it.
_PackagedLoader = _loader_on(getattr(yaml, "CSafeLoader", yaml.SafeLoader))


class _Loader(_loader_on(yaml.SafeLoader)):  # type: ignore[misc]
    """For the files of users: neither deep nesting nor long numbers."""

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > _LONGEST_INTEGER:
            raise yaml.constructor.ConstructorError(
                None, None, f"an integer of {len(node.value):,} characters is too long", node.start_mark
            )
        return int(super().construct_yaml_int(node))

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Counts the levels of what is written, before Python's stack ends."""
        self._depth = getattr(self, "_depth", 0) + 1
        if self._depth > _MOST_DEPTH:
            event = self.peek_event()
            raise yaml.composer.ComposerError(
                None, None, f"values are nested more than {_MOST_DEPTH} levels deep", event.start_mark
            )
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _expanded(node: yaml.Node, sizes: dict[int, int], open_nodes: set[int]) -> int:
    """Number of nodes of a value once every alias is written out.

    Args:
        node: The root of the value.
        sizes: Of the nodes that were counted before, by identity.
        open_nodes: The nodes that hold this one, by identity.

    Raises:
        ConstructorError: An alias stands inside of what it names, or the number is beyond reason.
    """
    if id(node) in sizes:
        return sizes[id(node)]
    if not isinstance(node, yaml.CollectionNode):
        return 1
    if id(node) in open_nodes:
        raise yaml.constructor.ConstructorError(
            None, None, "an alias names a value that holds it", node.start_mark
        )
    open_nodes.add(id(node))
    parts = (
        node.value if isinstance(node, yaml.SequenceNode) else [part for pair in node.value for part in pair]
    )
    size = 1 + sum(_expanded(part, sizes, open_nodes) for part in parts)
    open_nodes.discard(id(node))
    if size > _MOST_NODES:
        raise yaml.constructor.ConstructorError(
            None, None, f"aliases grow to more than {_MOST_NODES:,} values", node.start_mark
        )
    sizes[id(node)] = size
    return size


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)


class _Dumper(yaml.SafeDumper):
    """Puts a text in quotes where :class:`_Loader` would take it for a number, such as ``1e-3``."""


_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))


@dataclass(frozen=True)
class Document:
    """A file of keys and values.

    Attributes:
        source: The file.
        values: Its content.
        lines: Line of each key, also of those inside blocks and lists, from 1.
    """

    source: str
    values: dict[str, Any]
    lines: Mapping[Key, int]

    def origin(self, *key: str | int) -> Origin:
        """Where a key was written, or the innermost block around it that is there."""
        for end in range(len(key), 0, -1):
            if key[:end] in self.lines:
                return Origin(self.source, self.lines[key[:end]])
        return Origin(self.source)

    def origins(self) -> dict[str, Origin]:
        """Where each of the outermost keys was written."""
        return {key: self.origin(key) for key in self.values}


def read_yaml(path: Path) -> Document:
    """Reads a file of keys and values; an empty one has none.

    Args:
        path: The file, UTF-8 with or without a byte-order mark.

    Raises:
        ConfigError: The file cannot be read, is no YAML, or holds something else than keys and values.
    """
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"the configuration file {path} does not exist: check the path") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(
            f"the configuration file {path} cannot be read ({error.strerror}): give a file"
        ) from error
    node, values = _load(text, str(path))
    if values is None:
        return Document(str(path), {}, {})
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold lines of the form 'key: value', not a {type(values).__name__}")
    for key in values:
        if not isinstance(key, str):
            raise ConfigError(
                f"{path} has the key {key!r}, which YAML does not read as text: put it in quotes"
            )
    return Document(str(path), values, dict(_lines(node, ())))


def as_document(values: Mapping[str, Any]) -> str:
    """Plain data as the text of a file that :func:`read_yaml` reads back, keys in their order by name."""
    text: str = yaml.dump(dict(values), Dumper=_Dumper, sort_keys=True, allow_unicode=True)
    return text


def read_packaged_yaml(path: Path) -> dict[str, Any]:
    """The values of a file that belongs to an installed package, read as :func:`read_yaml` would."""
    return yaml.load(path.read_bytes(), _PackagedLoader) or {}


def _lines(node: Any, place: Key) -> Iterator[tuple[Key, int]]:
    """Line of each key and entry below a node."""
    children: list[tuple[str | int, Any, Any]] = []
    if isinstance(node, yaml.MappingNode):
        children = [(key.value, key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)]
    elif isinstance(node, yaml.SequenceNode):
        children = [(index, entry, entry) for index, entry in enumerate(node.value)]
    for part, marked, value in children:
        yield (*place, part), marked.start_mark.line + 1
        yield from _lines(value, (*place, part))


def parse_value(text: str, origin: str) -> Any:
    """Parses one value.

    Args:
        text: YAML.
        origin: What an error names.

    Raises:
        ConfigError: The text is no YAML.
    """
    return _load(text, origin)[1]


def _load(text: str, origin: str) -> tuple[Any, Any]:
    """The root node and the value of one document."""
    if len(origin) > _LONGEST_ORIGIN:
        origin = f"{origin[: _LONGEST_ORIGIN - 4]} ..."
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is not None:
            _expanded(node, {}, set())
        return node, None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{origin}{line} is no valid YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"{origin} is no valid YAML: {reason}") from error
