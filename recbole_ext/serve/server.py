"""Runs the application with uvicorn, in this process or in several."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from recbole_ext.errors import ConfigError
from recbole_ext.serve.settings import ServeSettings

if TYPE_CHECKING:
    from recbole_ext.serve.guard import Guard

__all__ = ["check_extra", "run_server"]


def check_extra() -> None:
    """Refuses to serve without what the server is made of.

    Raises:
        ConfigError: A package of the extra ``serve`` is missing.
    """
    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"serve needs the package {error.name}, which is not installed: pip install 'recbole_ext[serve]'"
        ) from error


def run_server(settings: ServeSettings, say: Callable[[str], None], settled: Callable[[], None]) -> None:
    """Serves until the process is told to end; then answers what it has accepted.

    Args:
        settings: The server.
        say: Receives each line that a user should see.
        settled: Called once the models are open, or cannot be.

    Raises:
        ConfigError: The extra is missing, or nothing can listen there.
    """
    check_extra()
    if settings.mcp:
        from recbole_ext.serve.tools import check_mcp

        check_mcp()
    import uvicorn
    from uvicorn.supervisors.multiprocess import Multiprocess

    from recbole_ext.serve.metrics import SHARED

    scheme = "http" if settings.tls is None else "https"
    with tempfile.TemporaryDirectory(prefix="recbole_ext-serve-") as session:
        settings = dataclasses.replace(settings, state=Path(session))
        several = settings.workers > 1
        application = functools.partial(_application, settings, say, _nothing if several else settled)
        config = uvicorn.Config(
            application,
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.workers,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="on",
            timeout_graceful_shutdown=max(1, round(settings.drain)),
            # The imports of a process hold it up for seconds.
            timeout_worker_healthcheck=60,
            ssl_certfile=settings.tls and settings.tls[0],
            ssl_keyfile=settings.tls and settings.tls[1],
        )
        with _listening(settings) as socket_of_all:
            say(f"listening at {scheme}://{_shown_host(settings.host)}:{settings.port}")
            # A signal ends the server in good order, and uvicorn repeats it afterwards.
            with contextlib.suppress(KeyboardInterrupt):
                if several:
                    os.environ[SHARED] = str(_new(Path(session) / "metrics"))
                    settled()
                    Multiprocess(config, [socket_of_all]).run()
                else:
                    uvicorn.Server(config).run([socket_of_all])
        say("ended: every request that was accepted is answered")


@contextlib.contextmanager
def _listening(settings: ServeSettings) -> Iterator[socket.socket]:
    """The socket that all processes share.

    Raises:
        ConfigError: Nothing can listen there.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((settings.host, settings.port))
        except OSError as error:
            raise ConfigError(
                f"nothing can listen at {settings.host}, port {settings.port} ({error.strerror or error}): choose "
                "another --port, or an address of this machine"
            ) from error
        found.listen(2048)
        found.set_inheritable(True)
        yield found


def _shown_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _nothing() -> None:
    """Does nothing."""


def _application(settings: ServeSettings, say: Callable[[str], None], settled: Callable[[], None]) -> Guard:
    from recbole_ext.serve.app import guarded_app
    from recbole_ext.serve.state import State

    return guarded_app(State(settings, str(os.getpid()), say=say, settled=settled))
