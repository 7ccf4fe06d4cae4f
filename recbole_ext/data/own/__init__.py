"""Data of one's own: csv, tsv, parquet, JSON lines or a frame as RecBole's atomic files."""

from recbole_ext.data.own.prepare import prepare
from recbole_ext.data.own.settings import ColumnNames, Settings

__all__ = ["ColumnNames", "Settings", "prepare"]
