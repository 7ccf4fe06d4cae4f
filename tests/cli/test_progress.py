"""What a log and a terminal show of stages, by a clock of the test's own."""

from __future__ import annotations

import io
import itertools
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from recbole_ext.cli import main
from recbole_ext.cli import progress as module
from recbole_ext.cli.console import say
from recbole_ext.cli.progress import PlainLines, Terminal, on_board
from recbole_ext.progress import Stage, shown_by, stage
from tests.conftest import write_inter


@dataclass
class Clock:
    """Stands until it is moved."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Log:
    """A log file with the time of each line."""

    clock: Clock = field(default_factory=Clock)
    lines: list[tuple[float, str]] = field(default_factory=list)

    def write(self, line: str) -> None:
        self.lines.append((self.clock.now, line))

    def board(self) -> PlainLines:
        return PlainLines(self.write, self.clock)


def pass_by(log: Log, board: PlainLines, seconds: float) -> None:
    """Time goes by, and the board is asked five times a second."""
    for _ in range(round(seconds * 5)):
        log.clock.now += 0.2
        board.tick()


def test_quick_work_says_nothing_and_slow_work_every_two_seconds() -> None:
    log = Log()
    board = log.board()
    with shown_by(board), stage("reading ml-1m"):
        pass_by(log, board, 0.8)
    assert log.lines == []
    with shown_by(board), stage("ranking", 943, "test users") as ranking:
        ranking.advance(300)
        pass_by(log, board, 60)
    times = [100.0, *(when for when, _ in log.lines)]
    assert max(later - before for before, later in itertools.pairwise(times)) <= 2.0 + 1e-6
    assert log.lines[4][1].startswith("... ranking 300 of 943 test users, ")
    assert re.search(r"300 of 943 test users, \d+ s, about \d+ (s|min) left$", log.lines[4][1])


def test_what_else_is_said_counts_as_a_sign_of_life() -> None:
    log = Log()
    board = log.board()
    with shown_by(board), stage("training"):
        for _ in range(20):
            pass_by(log, board, 1.0)
            board.spoke()
    assert log.lines == []


@given(st.floats(60, 40_000))
def test_a_log_of_hours_stays_readable(seconds: float) -> None:
    log = Log()
    board = log.board()
    with shown_by(board), stage("comparing"):
        for _ in range(int(seconds)):
            log.clock.now += 1.0
            board.tick()
    assert len(log.lines) <= 600 + seconds / 30
    times = [when for when, _ in log.lines]
    assert max((later - before for before, later in itertools.pairwise(times)), default=0) <= 31


def test_a_line_names_the_command_and_what_is_at_work() -> None:
    log = Log()
    board = log.board()
    with (
        shown_by(board),
        stage("comparing", 40, "steps", before=4) as whole,
        stage("cell GRU4Rec-seed1"),
        stage("training GRU4Rec,", 300, "epochs", at_most=True) as training,
        stage("an epoch:", 60, "batches"),
    ):
        whole.now = "1 of 11 cells done"
        whole.advance(6)
        training.at(12)
        pass_by(log, board, 60)
        board.at_once()
    assert log.lines[-1][1] == (
        "... comparing 10 of 40 steps, 1 of 11 cells done, about 5 min left > "
        "training GRU4Rec, 12 of at most 300 epochs > an epoch: 0 of 60 batches, 60 s"
    )


def test_titles_and_passwords_in_a_stage_are_harmless() -> None:
    log = Log()
    board = log.board()
    with shown_by(board), stage("reading \x1b[2J\npostgresql://me:secret@host/db"):
        pass_by(log, board, 2)
    (line,) = (line for _, line in log.lines)
    assert "\x1b" not in line
    assert "\n" not in line
    assert "secret" not in line


def test_a_terminal_shows_a_line_for_each_stage_and_leaves_none() -> None:
    screen = io.StringIO()
    board = Terminal(Console(file=screen, force_terminal=True, width=80, height=24))
    with shown_by(board), stage("comparing", 3, "models"), stage("building " + "x" * 200):
        board.at_once()
        shown = screen.getvalue()
    assert "comparing 0 of 3 models" in shown
    assert all(len(re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", line)) <= 81 for line in shown.splitlines())
    # The last thing is to erase the lines and to show the cursor again.
    assert screen.getvalue().endswith("\x1b[?25h") or "\x1b[2K" in screen.getvalue()[len(shown) :]


def test_what_is_said_stands_above_the_lines_of_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was written behind the living line."""
    written = io.StringIO()
    board = Terminal(Console(file=written, force_terminal=True, width=80, height=24))
    monkeypatch.setattr(module, "_boards", [board])
    with shown_by(board), stage("training"):
        say("epoch   1  loss 0.5")
        say("error", err=True)
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written.getvalue()))
    assert "epoch   1  loss 0.5" in lines
    assert capsys.readouterr() == ("", "error\n")
    say("the end")
    assert capsys.readouterr().out == "the end\n"


def test_every_command_has_a_board_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_boards", [])
    with on_board() as outer:
        assert module.board() is outer
        with on_board() as inner:
            assert module.board() is inner
        assert module.board() is outer
    assert module.board() is None


class Recorder:
    """The words of every stage."""

    def __init__(self) -> None:
        self.words: list[str] = []

    def begin(self, stage: Stage) -> None:
        self.words.append(stage.words)

    def update(self, stage: Stage) -> None:
        pass

    def end(self, stage: Stage) -> None:
        pass


@pytest.fixture(scope="module")
def announced(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What each command announces, one after the other in one folder."""
    home = tmp_path_factory.mktemp("announced")
    patch = pytest.MonkeyPatch()
    patch.chdir(home)
    rows = [(f"u{u}", f"i{(u + 3 * place) % 20}", 4.0, 100 + place) for u in range(30) for place in range(6)]
    write_inter(home / "dataset", "toy", rows)
    (home / "toy.yaml").write_text(
        "dataset: toy\ntopk: [2]\nvalid_metric: NDCG@2\nepochs: 2\ndownload: false\n"
        "min_item_interactions: 1\nmin_user_interactions: 1\n"
    )
    (home / "study.yaml").write_text(
        "base: toy.yaml\nmodels: [Pop, BPR]\nseeds: [1]\ntrials: 2\n"
        "spaces: {BPR: bpr.yaml}\n"
        "curves: {models: 1, methods: [popularity_penalty]}\n"
    )
    (home / "bpr.yaml").write_text("embedding_size: {type: int, low: 4, high: 8}\n")
    (home / "ablation.yaml").write_text(
        "base: toy.yaml\nseeds: [1]\nsweeps: [{model: BPR, key: embedding_size, values: [4, 8]}]\n"
    )
    events = "".join(f"{user},{item},{100 + number}\n" for number, (user, item, *_) in enumerate(rows))
    (home / "events.csv").write_text(f"user,item,time\n{events}")
    commands = {
        "prepare": "prepare --dataset=shop --source=events.csv",
        "train": "--model=EASE --config=toy.yaml --output=run",
        "evaluate": "evaluate run",
        "pareto": "pareto run --methods=popularity_penalty,exposure --candidates=10",
        "rerank": "rerank run --method=exposure --coverage=0.5 --candidates=10 --output=lists",
        "explain": "explain run --user=u1",
        "report": "report run",
        "compare": "compare --config=study.yaml --output=study",
        "ablate": "ablate --config=ablation.yaml --output=ablation",
    }
    found = {}
    try:
        for name, words in commands.items():
            recorder = Recorder()
            patch.setattr(module, "_new_board", lambda recorder=recorder: _Silent(recorder))
            main(words.split())
            found[name] = recorder.words
    finally:
        patch.undo()
    return found


class _Silent(module.Board):
    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def begin(self, stage: Stage) -> None:
        super().begin(stage)
        self.recorder.begin(stage)


OPENING = ["reading toy", "building EASE"]
RANKING = ["ranking", "computing metrics", "computing intervals"]
STAGES = {
    "prepare": ["preparing shop"],
    "train": [*OPENING, "counting toy", "training EASE,", "an epoch:", *RANKING, "writing run"],
    "evaluate": ["opening run", *OPENING, *RANKING],
    "pareto": [
        *OPENING,
        *("ranking", "collecting histories, genres and popularity", "sweeping,"),
        *("re-ranking by popularity_penalty", "ordering the lists of", "re-ranking by exposure"),
        "testing",
    ],
    "rerank": [*OPENING, "ranking", "re-ranking by exposure", "testing the differences", "writing lists"],
    "explain": [*OPENING, "ranking", "explaining 3 recommendations"],
    "report": ["reading the folders", "computing what chapters share", "writing", "writing report.html"],
    "compare": [
        *("comparing 2 models,", "searching BPR,", "cell Pop-seed1", "cell BPR-seed1", "training BPR,"),
        *("curves of", "lists of", "testing the differences", "computing intervals of"),
    ],
    "ablate": ["ablating,", "cell BPR-embedding_size-4-seed1", "training BPR,"],
}


@pytest.mark.parametrize("command", STAGES)
def test_every_step_announces_itself(command: str, announced: dict[str, list[str]]) -> None:
    lacking = [words for words in STAGES[command] if not any(w.startswith(words) for w in announced[command])]
    assert lacking == [], announced[command]


def test_imports_are_announced_before_they_block(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "torch")
    with on_board(), module.importing():
        assert capsys.readouterr().err == "... importing torch and RecBole\n"


def test_a_reader_that_has_gone_does_not_end_the_work(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with (tmp_path / "closed").open("w") as closed:
        pass
    monkeypatch.setattr(sys, "stderr", closed)
    module._write("... still here")
