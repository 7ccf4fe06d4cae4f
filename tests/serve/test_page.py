"""The page, driven by a real browser against a real server on this machine."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import shutil
import threading
import time
from collections.abc import Iterator
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

import pytest

from recbole_ext.serve.app import create_app, guarded_app
from recbole_ext.serve.guard import Guard
from recbole_ext.serve.state import State

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LIKED = ("i3", "i4", "i5")
FILES = {file.name: file for file in resources.files("recbole_ext.serve").joinpath("page").iterdir()}


@contextlib.contextmanager
def listening(app: Any) -> Iterator[str]:
    """A server that listens on this machine, and its address."""
    import uvicorn

    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, lifespan="off", log_level="error", access_log=False
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def address(state: State) -> Iterator[str]:
    with listening(guarded_app(state)) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    if CHROMIUM is None:
        pytest.skip("there is no chromium on the path")
    with api.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


class Visit:
    """A tab, and all that went wrong in it."""

    def __init__(self, browser: Any, address: str, **settings: Any) -> None:
        self.address = address
        self.context = browser.new_context(
            reduced_motion="reduce", viewport={"width": 1400, "height": 1000}, **settings
        )
        self.context.set_default_timeout(15_000)
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on(
            "console", lambda one: self.wrong.append(one.text) if one.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", self._asked)

    def _asked(self, request: Any) -> None:
        if urlsplit(request.url).netloc != urlsplit(self.address).netloc:
            self.wrong.append(f"a request to {request.url}")

    def open(self, state: str = "") -> Any:
        self.page.goto("about:blank")
        self.page.goto(f"{self.address}/#{state}")
        self.page.wait_for_selector("#layout:not([hidden])")
        return self.page

    def settled(self) -> None:
        """Waits until every list is there."""
        self.page.wait_for_function(
            "() => [...document.querySelectorAll('.column')].every(one => one.getAttribute('aria-busy') === 'false')"
            " && document.querySelectorAll('.films > li').length > 0"
        )

    def list(self, model: str) -> list[str]:
        rows = self.page.locator(f".column[aria-label='{model}'] .films > li")
        return rows.evaluate_all("rows => rows.map(one => one.dataset.item)")

    @property
    def history(self) -> list[str]:
        """As shown: the latest first."""
        return self.page.locator(".history > li").evaluate_all("rows => rows.map(one => one.dataset.item)")


@pytest.fixture
def visit(browser: Any, address: str) -> Iterator[Visit]:
    found = Visit(browser, address)
    yield found
    found.context.close()
    assert found.wrong == []


def like(page: Any, title: str) -> None:
    page.fill("#search", title)
    page.wait_for_selector("#found li")
    page.keyboard.press("Enter")
    page.wait_for_selector("#found", state="hidden")


def test_three_likes_give_lists_with_reasons_and_the_address_keeps_them(visit: Visit) -> None:
    page = visit.open()
    assert page.locator(".starter").count() == 10
    assert page.locator("#columns").is_hidden()
    for place in LIKED:
        like(page, f"movie {place[1:]}")
    visit.settled()
    assert visit.history == list(reversed(LIKED))
    models = page.locator(".column").evaluate_all("all => all.map(one => one.getAttribute('aria-label'))")
    assert models == ["GRU4Rec", "EASE", "BPR"]
    for model in models:
        found = visit.list(model)
        assert len(found) == 10
        assert not set(found) & set(LIKED)
    ease = page.locator(".column[aria-label='EASE']")
    assert "exact parts of the score" in ease.locator(".how").inner_text()
    assert "taken away" in page.locator(".column[aria-label='GRU4Rec'] .how").inner_text()
    assert "From 3 items, all known to the model" in ease.locator(".ground").inner_text()

    before = visit.list("EASE")
    page.focus("#slider")
    page.keyboard.press("End")
    page.wait_for_function("() => location.hash.includes('rerank=popularity_penalty:2')")
    page.wait_for_function("() => document.querySelector('.column .change').textContent !== ''")
    visit.settled()
    assert page.locator(".charts figure").count() == 3
    assert "interval" in page.locator(".told").inner_text()
    assert "python run.py pareto saved/GRU4Rec" in page.locator(".told").inner_text()
    after = visit.list("EASE")
    assert len(after) == len(before) == 10

    # The same in another tab, by the address alone.
    kept, whole = visit.history, page.url
    page.goto("about:blank")
    page.goto(whole)
    visit.settled()
    assert visit.history == kept
    assert page.input_value("#slider") == "2"
    assert visit.list("EASE") == after


def test_the_history_is_changed_by_buttons_and_reasons(visit: Visit) -> None:
    page = visit.open(f"models=EASE&likes={','.join(LIKED)}")
    visit.settled()
    assert page.get_by_label("Move up Movie 5").is_disabled()
    page.get_by_label("Move up Movie 4").click()
    assert visit.history == ["i4", "i5", "i3"]
    page.wait_for_function("() => location.hash.includes('likes=i3,i5,i4')")
    # The button that was pressed has no further way up: the focus stays at the row.
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Move down Movie 4"

    before = visit.list("EASE")
    why = page.locator(".why").first
    why.locator("summary").click()
    assert why.locator("li").count() == 3
    name = why.locator("li .name").first.inner_text()
    why.get_by_label(f"Remove {name} from your list").click()
    page.wait_for_function("() => document.querySelectorAll('.history > li').length === 2")
    visit.settled()
    page.wait_for_function(
        "before => [...document.querySelectorAll('.films > li')].map(one => one.dataset.item).join() !== before",
        arg=",".join(before),
    )
    page.locator(".history .gone").first.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert visit.history == []
    page.wait_for_selector(".starter")
    assert page.locator("#columns").is_hidden()
    assert page.evaluate("document.activeElement.id") == "search"


def test_the_focus_is_never_lost(visit: Visit) -> None:
    page = visit.open("models=EASE")
    page.locator(".starter").first.focus()
    page.keyboard.press("Enter")
    visit.settled()
    focused = "() => document.activeElement.closest('main, .films, .person')?.className ?? null"
    assert page.evaluate("document.activeElement.id") == "lists"
    chip = page.locator(".ideas .chip:visible").first
    chip.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.className") == "chip"
    visit.settled()
    first = visit.list("EASE")[0]
    page.locator(".films .add").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("first => !document.querySelector(`.films [data-item='${first}']`)", arg=first)
    assert page.evaluate(focused) == "films"
    assert visit.history[0] == first
    assert len(visit.history) == 3


def test_the_search_is_a_combobox(visit: Visit) -> None:
    page = visit.open()
    page.fill("#search", "movie")
    page.wait_for_selector("#found li")
    field = page.locator("#search")
    assert field.get_attribute("aria-expanded") == "true"
    marked = []
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
        marked.append(field.get_attribute("aria-activedescendant"))
    last = page.locator("#found li").count() - 1
    assert marked == ["found-1", "found-2", "found-1", "found-0", f"found-{last}"]
    assert page.locator("#found [aria-selected='true']").get_attribute("id") == f"found-{last}"
    page.keyboard.press("Escape")
    assert page.locator("#found").is_hidden()
    assert field.get_attribute("aria-expanded") == "false"
    page.fill("#search", "nothing like that")
    page.wait_for_selector("text=No item has these words")


def test_a_user_of_the_data_set_is_taken_and_changed(visit: Visit) -> None:
    page = visit.open()
    page.click("text=Or take a user of the data set")
    page.wait_for_selector(".users .chip")
    page.fill("#user", "u7")
    page.get_by_role("button", name="Take", exact=True).click()
    visit.settled()
    assert "user=u7" in page.url
    assert "A user it was trained on" in page.locator(".ground").first.inner_text()
    had = visit.history
    page.locator(".history .gone").first.click()
    page.wait_for_function("() => location.hash.includes('likes=')")
    assert visit.history == had[1:]
    page.fill("#user", "nobody")
    page.get_by_role("button", name="Take", exact=True).click()
    assert "no user 'nobody'" in page.locator(".users [role='alert']").inner_text()
    # The browser reports the 404 that was asked for.
    assert all("404" in one for one in visit.wrong)
    visit.wrong.clear()


def test_an_error_is_a_sentence_where_it_belongs(visit: Visit) -> None:
    visit.page.route(
        "**/v1/recommend",
        lambda route: (
            route.fulfill(
                status=503,
                json={
                    "error": {"code": "busy", "message": "too many requests wait: try again", "where": None}
                },
            )
            if route.request.post_data_json["model"] == "EASE"
            else route.continue_()
        ),
    )
    page = visit.open("models=EASE,Pop&likes=i3,i4")
    alert = page.locator(".column[aria-label='EASE'] [role='alert']")
    alert.wait_for()
    visit.settled()
    assert alert.inner_text() == "Too many requests wait: try again."
    assert len(visit.list("Pop")) == 10
    page.unroute("**/v1/recommend")
    page.get_by_role("button", name="Try again").click()
    visit.settled()
    assert len(visit.list("EASE")) == 10
    visit.wrong.clear()


def test_titles_are_text_and_never_markup(visit: Visit) -> None:
    title = "<img src=x onerror=alert(1)> & 'Movie'"

    def changed(route: Any) -> None:
        content = route.fetch().json()
        content["items"][0]["title"] = title
        route.fulfill(json=content)

    visit.page.route("**/v1/starters*", changed)
    page = visit.open()
    assert page.locator(".starter .title").first.text_content().startswith(title)
    assert page.locator("img").count() == 0


def test_a_strange_address_is_read_as_far_as_it_can_be(visit: Visit) -> None:
    page = visit.open("models=nobody&likes=i3,%E0%A4%A,none,i3&rerank=strange:-7&more")
    visit.settled()
    assert visit.history == ["none", "i3"]
    assert "not in this catalogue" in page.locator(".history").inner_text()
    ground = page.locator(".column[aria-label='EASE'] .ground").inner_text()
    assert "the model knows 1 of them (50 %)" in ground
    assert "none: no item of the catalogue has this token or title" in ground


def test_copied_lines_are_those_of_the_state(visit: Visit) -> None:
    page = visit.open("models=EASE,Pop&likes=i3,i4&rerank=popularity_penalty:0.5")
    visit.settled()
    page.click("text=Show the Python")
    code = page.locator("#copy pre").inner_text()
    compile(code, "copied", "exec")
    assert 'history=["i3", "i4"], k=10, rerank={"method": "popularity_penalty", "strength": 0.5}' in code
    assert 'for folder in ["saved/EASE", "saved/Pop"]:' in code


def test_a_token_is_asked_for(browser: Any, state: State) -> None:
    secret = "open-sesame-please"
    settings = dataclasses.replace(state.settings, token=secret)
    app = Guard(create_app(state), settings, lambda *_: None)
    with listening(app) as address:
        visit = Visit(browser, address)
        page = visit.page
        page.goto(f"{address}/#models=EASE&likes=i3")
        page.fill("#token", "wrong")
        page.get_by_role("button", name="Open").click()
        page.wait_for_selector("#gate [role='alert']")
        page.fill("#token", secret)
        page.get_by_role("button", name="Open").click()
        visit.settled()
        assert len(visit.list("EASE")) == 10
        # Kept for this tab, and never in the address.
        assert secret not in page.url
        page.reload()
        visit.settled()
        visit.context.close()


def test_a_method_without_a_strength_is_on_or_off(visit: Visit) -> None:
    """As exposure under prices is described; the models of this test have none."""
    asked: list[dict[str, Any]] = []
    exposure = {"method": "exposure", "rule": "best list under prices", "coverage": 0.8, "tail_share": 0.2}

    def described(route: Any) -> None:
        content = route.fetch().json()
        next(one for one in content["models"] if one["name"] == "EASE")["rerank"].append(exposure)
        route.fulfill(json=content)

    def recommended(route: Any) -> None:
        body = route.request.post_data_json
        asked.append({"model": body["model"], "rerank": body.pop("rerank", None)})
        route.continue_(post_data=body)

    visit.page.route("**/v1/models", described)
    visit.page.route("**/v1/recommend", recommended)
    page = visit.open("models=EASE,Pop&likes=i3,i4&rerank=exposure:1")
    visit.settled()
    assert sorted(asked, key=str) == [
        {"model": "EASE", "rerank": {"method": "exposure"}},
        {"model": "Pop", "rerank": None},
    ]
    assert page.locator(".dial output").inner_text() == "on"
    assert "coverage of 80 %, tail share of 20 %" in page.locator(".dial").inner_text()
    assert "Pop does not offer" in page.locator(".column[aria-label='Pop'] .change").inner_text()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 390)])
def test_axe_finds_nothing_above_minor(browser: Any, address: str, scheme: str, width: int) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    visit = Visit(browser, address, color_scheme=scheme, bypass_csp=True)  # axe is a script of the test
    visit.page.set_viewport_size({"width": width, "height": 900})
    page = visit.open()
    found = [axe.run(page)]
    like(page, "movie 3")
    like(page, "movie 8")
    page.focus("#slider")
    page.keyboard.press("End")
    visit.settled()
    page.wait_for_selector(".strip")
    for summary in page.locator("summary:visible").all()[:8]:
        summary.click()
    page.fill("#search", "movie")
    page.wait_for_selector("#found li")
    found.append(axe.run(page))
    grave = [
        (one["id"], one["impact"], one["nodes"][0]["target"])
        for result in found
        for one in result.response["violations"]
        if one["impact"] != "minor"
    ]
    assert grave == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    visit.context.close()


def test_the_files_are_small_and_ask_nobody_else() -> None:
    content = {name: file.read_text(encoding="utf-8") for name, file in FILES.items()}
    assert sum(len(one.encode()) for one in content.values()) < 300_000
    page = content["index.html"]
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=\"/static/)", page)
    addresses = re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"'`]*", "\n".join(content.values()))
    # A name of a namespace, and what a person may click.
    assert {urlsplit(one).netloc for one in addresses} == {
        "www.w3.org", "www.imdb.com", "www.themoviedb.org",
    }  # fmt: skip
    for name in re.findall(r"from \"\./([\w.]+)\"|/static/([\w.]+)", "\n".join(content.values())):
        assert "".join(name) in content
    assert not [
        name for name, text in content.items() if re.search(r"innerHTML|insertAdjacentHTML|eval\(", text)
    ]
