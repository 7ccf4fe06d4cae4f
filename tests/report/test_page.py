"""The page in a browser: no error, no request, sorting, nothing wider than a phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from recbole_ext.report import write_report
from tests.report.browser import CHROMIUM, DRIVER, Browser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and chromedriver on the path"),
]

COLUMN = """
const head = [...document.querySelectorAll("#comparison th button")].find(b => b.textContent.startsWith(NAME));
for (let i = 0; i < CLICKS; i++) head.click();
const table = head.closest("table"), at = head.closest("th").cellIndex;
return [...table.tBodies[0].rows].map(r => r.cells[at].dataset.v ?? r.cells[at].textContent.trim());
"""


@pytest.fixture(scope="module")
def page(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(list(folders.values()), output=tmp_path_factory.mktemp("page") / "report.html")


@pytest.fixture(scope="module")
def phone(page: Path) -> Iterator[Browser]:
    with Browser(360) as browser:
        browser.open(page)
        yield browser


def column(browser: Browser, name: str, clicks: int) -> list[str]:
    return browser.run(COLUMN.replace("NAME", json.dumps(name)).replace("CLICKS", str(clicks)))


def test_the_console_stays_silent_and_nothing_is_fetched(phone: Browser) -> None:
    assert phone.log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in phone.log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert all(address.startswith(("file:", "data:")) for address in asked)
    assert len([address for address in asked if address.startswith("file:")]) <= 1


def test_nothing_is_wider_than_the_phone(phone: Browser) -> None:
    assert phone.run("return document.documentElement.scrollWidth") == 360
    assert phone.run("window.scrollTo(500, 0); return window.scrollX") == 0
    assert phone.run("return getComputedStyle(document.querySelector('figure .wide')).display") == "none"


def test_tables_sort_by_a_click(phone: Browser) -> None:
    falling = [float(value) for value in column(phone, "NDCG", 1)]
    assert falling == sorted(falling, reverse=True)
    rising = [float(value) for value in column(phone, "NDCG", 1)]
    assert rising == sorted(rising)
    names = column(phone, "Model", 1)
    assert names == sorted(names, key=str.lower)
    sort = "return document.querySelector('#comparison th[aria-sort]').getAttribute('aria-sort')"
    assert phone.run(sort) == "ascending"


def test_every_chart_has_a_name(phone: Browser) -> None:
    names = phone.run(
        "return [...document.querySelectorAll('svg')].map(s => s.getAttribute('aria-label') || '')"
    )
    assert all(len(name) > 10 for name in names)
    assert phone.run("return document.querySelectorAll('svg').length") > 10


def test_dark_and_light_differ(page: Path, phone: Browser) -> None:
    colour = "return getComputedStyle(document.body).backgroundColor"
    light = phone.run(colour)
    with Browser(1280, dark=True) as browser:
        browser.open(page)
        assert browser.run(colour) != light
        assert browser.run("return document.documentElement.scrollWidth") == 1280
