"""Dockerfile and compose.yaml, as far as they can be checked without Docker: sources, options, ports, rights."""

from __future__ import annotations

import inspect
import json
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from recbole_ext.cli.serve import serve
from recbole_ext.serve.settings import ServeSettings

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not (ROOT / "Dockerfile").exists(), reason="an sdist has no Dockerfile")


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.M).replace("\\\n", " ")
    return [
        (line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()
    ]


def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def values(name: str) -> list[str]:
    return [value for found, value in instructions() if found == name]


def default(option: str) -> Any:
    return inspect.signature(ServeSettings).parameters[option].default


def test_every_source_exists_and_is_in_the_context() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    for value in values("COPY"):
        words = [word for word in value.split() if not word.startswith("--from=")]
        if "--from=build" in value:
            assert words == ["/opt/venv", "/opt/venv"]
            continue
        for source in words[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored
    assert ignored[0] == "*"


def test_installed_extras_exist() -> None:
    declared = (ROOT / "pyproject.toml").read_text()
    [extras] = re.findall(r'"\.\[([\w,]+)\]"', " ".join(values("RUN")))
    for extra in extras.split(","):
        assert re.search(rf"^{extra} = \[", declared, flags=re.M)
    assert re.search(r'^recbole-ext = "', declared, flags=re.M)
    assert json.loads(values("ENTRYPOINT")[0]) == ["recbole-ext"]


def test_it_runs_without_rights_and_asks_for_its_health_at_the_port() -> None:
    assert values("USER") == ["10001"]
    assert values("EXPOSE") == [str(default("port"))]
    [health] = values("HEALTHCHECK")
    assert f"127.0.0.1:{default('port')}/ready" in health
    command = json.loads(health[health.index("[") :])
    compile(command[2], "health check", "exec")
    assert command[:2] == ["python", "-c"]


def test_no_host_is_named_but_this_machine() -> None:
    for name in ("Dockerfile", "compose.yaml"):
        hosts = re.findall(r"//([\w.-]+)", (ROOT / name).read_text())
        assert set(hosts) <= {"127.0.0.1", "feedback"}, hosts
    assert all(re.fullmatch(r"python:3\.\d+-slim( AS build)?", image) for image in values("FROM"))


def test_the_command_of_compose_is_one_that_serve_takes() -> None:
    service = compose()["services"]["serve"]
    name, run, *options = [re.sub(r"\$\{\w+:\?[^}]*\}", "x", word) for word in service["command"]]
    assert name == "serve"
    context = click.Context(serve)
    parsed, _, _ = serve.make_parser(context).parse_args([run, *options])
    assert parsed["port"] == str(default("port"))
    assert service["ports"] == [f"127.0.0.1:{parsed['port']}:{default('port')}"]
    assert parsed["token"] == "/run/secrets/token"
    assert service["secrets"] == ["token"]
    # A server that other machines reach is refused without a token.
    assert parsed["host"] != default("host")
    user, host, database = re.fullmatch(r"postgresql://(\w+)@(\w+)/(\w+)", parsed["feedback"]).groups()  # type: ignore[union-attr]
    other = compose()["services"][host]["environment"]
    assert (other["POSTGRES_USER"], other["POSTGRES_DB"]) == (user, database)


def test_the_container_can_write_nothing_but_its_volumes() -> None:
    service = compose()["services"]["serve"]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    [home] = values("WORKDIR")[1:]
    assert {volume.split(":")[1] for volume in service["volumes"]} == {f"{home}/saved", f"{home}/dataset"}
    written = dict(
        pair.split("=") for pair in shlex.split(values("ENV")[1]) if "CACHE" in pair or "CONFIG" in pair
    )
    assert all(folder.startswith("/tmp/") for folder in written.values())
    assert int(service["stop_grace_period"][:-1]) > default("drain")
