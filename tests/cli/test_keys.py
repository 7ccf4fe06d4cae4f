"""Options: with ``=`` or a blank, with ``-`` or ``_``, misspelt."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recbole_ext.cli import entry, keys
from recbole_ext.cli.options import ANY_KEY
from recbole_ext.errors import program

NAMES = st.sampled_from(["epochs", "learning_rate", "MAX_ITEM_LIST_LENGTH", "rerank.method"])
VALUES = st.sampled_from(["3", "-0.5", "-.5", "[5, 10]", "{a: 1}", "a b", "x=y", "null"])


def called(*arguments: str) -> tuple[dict[str, object], dict[str, object]]:
    """Options and keys as a command receives them."""
    received: list[tuple[dict[str, object], dict[str, object]]] = []

    @click.command("train", context_settings=ANY_KEY)
    @click.argument("run", required=False)
    @click.option("--head-rule")
    @click.option("--k", type=int)
    @click.option("--trust", is_flag=True)
    @click.pass_context
    def command(context: click.Context, **values: object) -> None:
        received.append((values, keys.overrides_of(context)))

    class Group(entry._Commands):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
            return command

    Group("group").main(["train", *arguments], standalone_mode=False)
    (one,) = received
    return one


@given(st.lists(st.tuples(NAMES, VALUES, st.booleans(), st.booleans()), unique_by=lambda one: one[0]))
def test_a_key_reads_alike_in_every_spelling(given_keys: list[tuple[str, str, bool, bool]]) -> None:
    plain, spelled = [], []
    for name, value, blank, dashes in given_keys:
        plain.append(f"--{name}={value}")
        shown = name.replace("_", "-") if dashes else name
        spelled += [f"--{shown}", value] if blank else [f"--{shown}={value}"]
    assert called(*spelled, "saved/run") == called("saved/run", *plain)


@pytest.mark.parametrize("rule", ["--head-rule=items_20", "--head_rule=items_20"])
def test_our_own_options_take_both_spellings(rule: str) -> None:
    values, found = called("--lambda", "0.3", "saved/run", *rule.split("="), "--trust", "--k", "5")
    assert values == {"run": "saved/run", "head_rule": "items_20", "k": 5, "trust": True}
    assert found == {"lambda": 0.3}
    assert called(rule)[0]["head_rule"] == "items_20"


def test_a_flag_takes_no_value() -> None:
    values, found = called("--trust", "saved/run", "--epochs", "3")
    assert values["run"] == "saved/run"
    assert values["trust"] is True
    assert found == {"epochs": 3}


def test_a_model_from_outside_may_have_any_key(tmp_path: Path) -> None:
    """Its module says which; it is imported later."""
    file = tmp_path / "mine.yaml"
    file.write_text("model: my.module:Model\n")
    command = entry._cli.get_command(click.Context(entry._cli), "train")
    assert command is not None
    ctx = click.Context(entry._cli)
    for own in (["--model=my.module:Model"], ["--model", "my.module:Model"], [f"--config={file}"]):
        assert keys.separated(ctx, command, [*own, "--embeding_size=3"]) == own
    with pytest.raises(click.UsageError, match="did you mean '--model'"):
        keys.separated(ctx, command, ["--modle=my.module:Model"])


@pytest.mark.parametrize(
    ("typed", "name"),
    [("/usr/bin/recbole-ext", "recbole-ext"), ("run.py", "python run.py"), ("-c", "python run.py")],
)
def test_messages_call_the_program_as_it_was_typed(
    typed: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [typed])
    assert program() == name
    entry.main(["--help"])
    assert capsys.readouterr().out.startswith(f"Usage: {name.removeprefix('python ')} [OPTIONS]")
