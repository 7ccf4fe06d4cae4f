"""The command that serves finished runs: serve."""

from __future__ import annotations

from pathlib import Path

import click

from recbole_ext.cli.console import say
from recbole_ext.cli.options import NamedPath, trust_option
from recbole_ext.cli.progress import board

__all__ = ["serve"]


@click.command()
@click.argument("runs", nargs=-1, required=True, type=NamedPath("run folder"))
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where to listen; another one needs --token."
)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535))
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Number of processes."
)
@click.option("--token", help="A secret that requests must carry, or a file that holds it.")
@click.option("--feedback", help="A SQLite file or a postgresql:// URL for what was chosen.")
@click.option("--floor", type=click.FloatRange(0, 1), help="Share of the catalogue that ought to be shown.")
@click.option(
    "--rate", type=click.FloatRange(0), default=0.0, help="Requests a second of a client (default: any)."
)
@click.option("--mcp", is_flag=True, help="Also serve tools for language models, at /mcp.")
@click.option("--tls-cert", type=NamedPath("file"), help="Certificate, for HTTPS.")
@click.option("--tls-key", type=NamedPath("file"), help="Its key.")
@trust_option
def serve(
    runs: tuple[Path, ...],
    host: str,
    port: int,
    workers: int,
    token: str | None,
    feedback: str | None,
    floor: float | None,
    rate: float,
    mcp: bool,
    tls_cert: Path | None,
    tls_key: Path | None,
    trust: bool,
) -> None:
    """Serve finished runs and studies: a page, an interface, and tools for language models.

    The page is at http://127.0.0.1:8000, the interface is described at /openapi.json.
    """
    from recbole_ext.serve.finding import find_runs
    from recbole_ext.serve.settings import ServeSettings, is_loopback, read_token

    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("HTTPS needs both --tls-cert and --tls-key")
    settings = ServeSettings(
        find_runs(runs, trust),
        host,
        port,
        workers,
        None if token is None else read_token(token),
        trust,
        feedback,
        floor,
        rate,
        mcp=mcp,
        tls=None if tls_cert is None or tls_key is None else (tls_cert, tls_key),
    )
    if not is_loopback(host) and settings.tls is None:
        say(
            "warning: other machines send the token in plain text: add --tls-cert and --tls-key, or a proxy with TLS"
        )

    from recbole_ext.serve.server import run_server

    shown = board()
    run_server(settings, say, shown.rest if shown is not None else lambda: None)
