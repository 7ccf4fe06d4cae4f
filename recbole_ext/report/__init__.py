"""The report of runs and studies: one HTML file that opens offline, or Markdown.

The public function has the name of this package, so the package itself can be called: ``recbole_ext.report([...])``
means the same before and after something has imported it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from recbole_ext.report.build import write_report

__all__ = ["report", "write_report"]


def report(
    results: Any,
    *,
    output: str | Path | None = None,
    form: str | None = None,
    figures: str | Path | None = None,
) -> Path:
    """Writes one file that shows runs, curves, re-ranked lists, ablations or a comparison.

    Args:
        results: A folder, or several; a run, a study, and what re-ranking gives, count as their folders.
        output: The file; ``report.html`` (or ``.md``) if None.
        form: ``html`` or ``md``; by the ending of ``output`` if None.
        figures: A folder that also receives every chart as an SVG file.

    Returns:
        The file.

    Raises:
        ConfigError: The folders do not belong together, or the form is unknown.
        CheckpointError: A folder is missing, damaged or of something else.
        OutputError: The file cannot be written.
    """
    one = isinstance(results, (str, Path)) or hasattr(results, "folder")
    every = [results] if one else list(results)
    folders = [Path(getattr(result, "folder", result)).expanduser() for result in every]
    place, charts = (None if path is None else Path(path).expanduser() for path in (output, figures))
    return write_report(folders, output=place, form=form, figures=charts)


class _Report(ModuleType):
    __call__ = staticmethod(report)


sys.modules[__name__].__class__ = _Report
