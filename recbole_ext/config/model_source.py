"""Model facts for the configuration, read from source code without importing torch or RecBole.

A model of RecBole or of this package is named ``package.module:Class``. Its base classes are followed through the
imports of the two packages; classes of other packages (torch) end a branch.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from recbole_ext.errors import ConfigError, nearest

__all__ = [
    "ModelSource",
    "host_activations",
    "host_arguments",
    "host_folder",
    "is_inside",
    "keys_read_in",
    "model_source",
    "source_of_class",
]

_PACKAGES = ("recbole", "recbole_ext")
_KEY_READ = re.compile(r"""config(?:\.get\(|\[)\s*["'](\w+)["']""")
# What reads keys for every model.
_READER_OF_ALL = "recbole.config.configurator"


@dataclass(frozen=True)
class ModelSource:
    """A model as described by its source.

    Attributes:
        path: ``package.module:Class``.
        names: Names of the class and its base classes, the most basic first.
        keys: Configuration keys that the modules of these classes read.
        sequential: Whether it is a sequential recommender.
        chooses_loss: Whether the key ``loss_type`` decides its kind of training examples.
        trains: Whether it learns in steps, rather than counting or solving once.
    """

    path: str
    names: tuple[str, ...]
    keys: frozenset[str]
    sequential: bool
    chooses_loss: bool
    trains: bool = True

    @property
    def name(self) -> str:
        """Name of the class."""
        return self.path.rpartition(":")[2]


def is_inside(path: str) -> bool:
    """Whether ``package.module:Class`` belongs to RecBole or to this package, whose sources are read."""
    return path.partition(".")[0] in _PACKAGES


@cache
def model_source(path: str) -> ModelSource:
    """Reads the source of a model of RecBole or of this package.

    Args:
        path: ``package.module:Class``.

    Raises:
        ConfigError: The module or class does not exist.
    """
    module, _, name = path.partition(":")
    found = _find(module, name)
    if found is None:
        raise ConfigError(f"{path} does not exist{nearest(name, _classes(module))}")
    classes = _linearized(*found)
    values = {
        target: value for module, name in reversed(classes) for target, value in _assigned(module, name)
    }
    return ModelSource(
        path,
        tuple(name for _, name in reversed(classes)),
        frozenset().union(
            *(_keys_read(_text(module)) for module in {_READER_OF_ALL, *(m for m, _ in classes)})
        ),
        values.get("type", "").endswith("SEQUENTIAL"),
        "input_type" not in values,
        _trains(values.get("type", ""), values.get("learns") != "False"),
    )


def source_of_class(model: type) -> ModelSource:
    """Describes an imported class, such as one from outside the two packages."""
    keys = set(_keys_read(_text(_READER_OF_ALL)))
    for base in model.__mro__:
        if base.__module__.partition(".")[0] not in {"builtins", "abc", "torch", "typing"}:
            try:
                keys |= _keys_read(inspect.getsource(inspect.getmodule(base)))  # type: ignore[arg-type]
            except (OSError, TypeError):  # typed into a console
                continue
    kind = getattr(model, "type", None)
    return ModelSource(
        f"{model.__module__}:{model.__qualname__}",
        tuple(base.__name__ for base in reversed(model.__mro__)),
        frozenset(keys),
        getattr(kind, "name", "") == "SEQUENTIAL",
        not hasattr(model, "input_type"),
        _trains(getattr(kind, "name", ""), bool(getattr(model, "learns", True))),
    )


def _trains(kind: str, learns: bool) -> bool:
    """Of RecBole's type of model, and of what the model says itself."""
    return learns and not kind.endswith("TRADITIONAL")


@cache
def host_arguments() -> frozenset[str]:
    """The keys that RecBole lists for all models."""
    tree = ast.parse((host_folder() / "utils" / "argument_list.py").read_text("utf-8"))
    return frozenset(
        key for node in tree.body if isinstance(node, ast.Assign) for key in ast.literal_eval(node.value)
    )


@cache
def host_activations() -> tuple[str, ...]:
    """The names that RecBole's feed-forward layers take as ``hidden_act``."""
    tables = [
        node.value
        for node in ast.walk(_tree("recbole.model.layers"))
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ACT2FN"
    ]
    return tuple(ast.literal_eval(key) for table in tables for key in getattr(table, "keys", ()))


def host_folder() -> Path:
    """Folder of the package ``recbole``."""
    return _folder("recbole")


@cache
def _folder(package: str) -> Path:
    # Only the top package is looked for: finding a submodule would import its parents.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ConfigError(f"the package {package} is not installed: install it")
    return Path(spec.origin).parent


def _file(module: str) -> Path | None:
    package, *parts = module.split(".")
    if package not in _PACKAGES:
        return None
    place = _folder(package).joinpath(*parts)
    return next((file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()), None)


def _text(module: str) -> str:
    file = _file(module)
    return "" if file is None else file.read_text("utf-8")


def keys_read_in(folder: Path) -> frozenset[str]:
    """The configuration keys that any module under a folder reads.

    Args:
        folder: Of Python files.
    """
    return frozenset().union(*(_keys_read(file.read_text("utf-8")) for file in folder.rglob("*.py")))


def _keys_read(text: str) -> set[str]:
    return set(_KEY_READ.findall(text))


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(_text(module))


def _classes(module: str) -> dict[str, ast.ClassDef]:
    return {node.name: node for node in _tree(module).body if isinstance(node, ast.ClassDef)}


@cache
def _imports(module: str) -> dict[str, tuple[str, str]]:
    """Local name to module and the name in it, empty for the module itself."""
    found = {}
    for node in _tree(module).body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0],
                    "",
                )
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(module, node)
            found.update({alias.asname or alias.name: (origin, alias.name) for alias in node.names})
    return found


def _absolute(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    file = _file(module)
    inside = file is not None and file.name == "__init__.py"
    above = module.split(".")[: None if inside and node.level == 1 else -(node.level - inside)]
    return ".".join([*above, *filter(None, [node.module])])


def _find(module: str, name: str) -> tuple[str, str] | None:
    """Module and name of the class that a dotted name means in a module; None outside the two packages."""
    first, _, rest = name.partition(".")
    if _file(module) is None:
        return None
    if first in _classes(module):
        return None if rest else (module, first)
    if first in _imports(module):
        origin, inner = _imports(module)[first]
        return _find(origin, ".".join(filter(None, [inner, rest])))
    return _find(f"{module}.{first}", rest) if rest else None


def _linearized(module: str, name: str) -> list[tuple[str, str]]:
    """The class and its bases in the order in which Python looks attributes up (C3)."""
    bases = [_find(module, ast.unparse(base)) for base in _classes(module)[name].bases]
    inside = [base for base in bases if base is not None]
    return [(module, name), *_merged_orders([*(_linearized(*base) for base in inside), inside])]


def _merged_orders(orders: Sequence[Sequence[tuple[str, str]]]) -> Iterator[tuple[str, str]]:
    left = [list(order) for order in orders if order]
    while left:
        head = next(order[0] for order in left if not any(order[0] in other[1:] for other in left))
        yield head
        left = [rest for order in left if (rest := [entry for entry in order if entry != head])]


def _assigned(module: str, name: str) -> Iterator[tuple[str, str]]:
    """Class attributes that are assigned in the body of a class, and the source of their values."""
    for node in _classes(module)[name].body:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                yield ast.unparse(target), ast.unparse(node.value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield ast.unparse(node.target), ast.unparse(node.value)
