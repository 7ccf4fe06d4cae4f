"""Runs the application with uvicorn, in this process or in several."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import tempfile
from collections.abc import Callable
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
    import uvicorn

    with tempfile.TemporaryDirectory(prefix="recbole_ext-serve-") as session:
        settings = dataclasses.replace(settings, state=Path(session))
        config = uvicorn.Config(
            functools.partial(_application, settings, say, settled),
            factory=True,
            host=settings.host,
            port=settings.port,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="on",
            timeout_graceful_shutdown=max(1, round(settings.drain)),
            workers=settings.workers,
        )
        say(f"listening at http://{settings.host}:{settings.port}")
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run()


def _application(settings: ServeSettings, say: Callable[[str], None], settled: Callable[[], None]) -> Guard:
    from recbole_ext.serve.app import guarded_app
    from recbole_ext.serve.state import State

    return guarded_app(State(settings, str(os.getpid()), say=say, settled=settled))
