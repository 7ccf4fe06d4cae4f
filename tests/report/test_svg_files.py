"""The charts of a report as files of their own: whole, readable alone, the same drawing."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from recbole_ext.cli import main
from recbole_ext.errors import OutputError
from recbole_ext.report import write_report

SVG = "{http://www.w3.org/2000/svg}"


def test_each_chart_of_the_page_is_a_file(folders: dict[str, Path], tmp_path: Path) -> None:
    page, charts = tmp_path / "report.html", tmp_path / "charts"
    runs = [str(folder) for folder in folders.values()]
    main(["report", *runs, f"--output={page}", f"--figures={charts}"])
    files = sorted(charts.iterdir())
    assert {"comparison-1.svg", "coverage-1.svg", "debiasing-1.svg"} <= {file.name for file in files}
    text = page.read_text(encoding="utf-8")
    assert len(files) == text.count("<figure")
    for file in files:
        root = ElementTree.fromstring(file.read_text(encoding="utf-8"))
        assert root.tag == f"{SVG}svg"
        assert int(root.attrib["height"]) > 100
        # Readable by those who do not see it, and without the page's style sheet.
        assert len(root.attrib["aria-label"]) > 20
        style = root.findtext(f"{SVG}style") or ""
        assert "--c1:" in style
        for used in re.findall(r"var\((--\w+)\)", style):
            assert f"{used}:" in style
        # The drawing of the page, and all of it.
        drawn = re.search(r"<svg x=[^>]*>(.*)</svg>\s*</svg>", file.read_text(encoding="utf-8"), re.DOTALL)
        assert drawn is not None
        assert drawn[1] in text
        assert "http://" not in file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")


def test_a_legend_stays_on_the_picture(folders: dict[str, Path], tmp_path: Path) -> None:
    write_report([folders["ItemKNN"], folders["curves"]], output=tmp_path / "r.html", figures=tmp_path)
    root = ElementTree.fromstring((tmp_path / "debiasing-1.svg").read_text(encoding="utf-8"))
    title, *names = root.findall(f"{SVG}text")
    chart = root.find(f"{SVG}svg")
    assert chart is not None
    assert float(title.attrib["y"]) < float(chart.attrib["y"])
    assert all(float(node.attrib["x"]) < float(root.attrib["width"]) for node in names)


def test_a_folder_that_cannot_be_written(folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_report([folders["Pop"]], output=tmp_path / "r.html", figures=tmp_path / "taken")
