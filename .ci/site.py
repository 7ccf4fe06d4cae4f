"""Hooks of mkdocs: tables that the package itself knows, and the notebooks as pages."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from mkdocs.structure.files import File, Files
from nbconvert import MarkdownExporter

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import recbole_ext  # noqa: E402
from recbole_ext.config.blocks import METHODS  # noqa: E402
from recbole_ext.model.foldable import FOLD_INS  # noqa: E402
from recbole_ext.model.registry import FAMILIES, known_models, model_spec  # noqa: E402

NOTEBOOKS = ("sequences-and-classics", "your-csv")


def models_table() -> str:
    """Every model that ``--model`` takes, by family."""
    specs = [model_spec(name) for name in known_models()]
    parts = []
    for family, words in FAMILIES.items():
        rows = [
            f"| {spec.name} | {'this package' if spec.path.startswith('recbole_ext') else 'RecBole'} | {spec.paper} "
            f"| {'yes' if spec.deterministic else ''} | {spec.explained} | {spec.fold_in} |"
            for spec in specs
            if spec.family == family
        ]
        head = (
            "| model | code | paper | every seed alike | explained by | new person |\n"
            "| --- | --- | --- | --- | --- | --- |"
        )
        parts.append("\n".join([f"## {words[0].upper()}{words[1:]}\n", head, *rows]))
    return "\n\n".join(parts)


def rerankers_table() -> str:
    """The per-user re-rankers with their formulas."""
    rows = [f"| `{m.name}` | `{m.rule}` | {m.paper} |" for m in METHODS.values()]
    return "\n".join(["| method | rule | source |", "| --- | --- | --- |", *rows])


def fold_ins() -> str:
    """How models read a history that they were not trained on."""
    return "\n".join(f"- `{kind}`: {words};" for kind, words in FOLD_INS.items()).removesuffix(";") + "."


SUBJECTS = {
    "Train and open": ("train", "resume", "load", "evaluate", "Run"),
    "Recommend and explain": ("recommend", "explain"),
    "Many runs": ("compare", "tune", "ablate", "report", "write_report"),
    "Anybody's lists": ("measure", "Measured"),
    "Data": ("prepare", "datasets", "models"),
    "From RecBole": ("run_recbole",),
    "Metrics and errors": ("register_metric", "RecBoleExtError"),
}
"""The public names in the order of their page; a name that stands nowhere goes to its end."""


def api_pages() -> str:
    """Every public name, by subject, from its docstring."""
    modules = dict(recbole_ext._MODULES)
    parts = []
    for subject, names in {**SUBJECTS, "More": tuple(modules)}.items():
        here = [_page_of(f"{modules.pop(name)}.{name}") for name in names if name in modules]
        parts += [f"## {subject}", *here] if here else []
    return "\n\n".join(parts)


def _page_of(place: str) -> str:
    inherited = "true" if place.endswith(".Run") else "false"
    return f"::: recbole_ext.{place}\n    options: {{heading_level: 3, inherited_members: {inherited}}}"


GENERATED = {
    "<!-- api -->": api_pages,
    "<!-- fold-ins -->": fold_ins,
    "<!-- models -->": models_table,
    "<!-- rerankers -->": rerankers_table,
}


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Puts the tables where a page asks for them."""
    for mark, table in GENERATED.items():
        if mark in markdown:
            markdown = markdown.replace(mark, table())
    return markdown


def on_page_content(html: str, **_: Any) -> str:
    """Docstrings name functions by roles such as :func:; a page shows the name alone."""
    return re.sub(
        r":(?:func|class|mod|meth|attr|data):<code>(~?)([\w.]+)</code>",
        lambda found: f"<code>{found[2].rpartition('.')[2] if found[1] else found[2]}</code>",
        html,
    )


def on_files(files: Files, config: Any, **_: Any) -> Files:
    """Adds a page for each notebook, with its pictures as files of their own."""
    for name in NOTEBOOKS:
        notebook = nbformat.read(ROOT / "docs" / "notebooks" / f"{name}.ipynb", as_version=4)
        body, resources = MarkdownExporter().from_notebook_node(
            notebook, resources={"output_files_dir": f"{name}_files"}
        )
        links = f"\n\n[The notebook itself]({name}.ipynb)" + (
            f" · [as slides]({name}.slides.html)\n"
            if (ROOT / f"docs/notebooks/{name}.slides.html").is_file()
            else "\n"
        )
        files.append(File.generated(config, f"notebooks/{name}.md", content=body + links))
        for path, data in resources["outputs"].items():
            files.append(File.generated(config, f"notebooks/{path}", content=data))
    return files
