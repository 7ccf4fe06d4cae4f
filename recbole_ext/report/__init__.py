"""The report of runs and studies: one HTML file that opens offline, or Markdown."""

from recbole_ext.report.build import write_report

__all__ = ["write_report"]
