"""The interface as tools for language models, over the Model Context Protocol at ``/mcp``."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from fastapi import FastAPI
from pydantic import Field, ValidationError

from recbole_ext.errors import ConfigError, RecBoleExtError
from recbole_ext.serve import asking, limits
from recbole_ext.serve.asking import RefusedError
from recbole_ext.serve.forms import ExplainRequest, Name, RecommendRequest, RerankRequest
from recbole_ext.serve.state import State

__all__ = ["add_tools", "check_mcp", "tool_server"]

_ABOUT = (
    "Recommendations of trained models, with their reasons. Search for items first; histories are lists of tokens or "
    "titles, the oldest first. The basis of an answer says whether it rests on the history at all."
)
_History = Annotated[
    list[Name], Field(max_length=limits.HISTORY, description="Tokens or titles, the oldest first.")
]
_Model = Annotated[Name | None, Field(description="Name of a model; the first one if left out.")]
_K = Annotated[int, Field(ge=1, le=limits.EXPLAINED)]
_Found = TypeVar("_Found")


def check_mcp() -> None:
    """Refuses to serve tools without the SDK.

    Raises:
        ConfigError: The extra ``mcp`` is missing.
    """
    try:
        import mcp.server.mcpserver  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "--mcp needs the package mcp in version 2, which is not installed: pip install 'recbole_ext[mcp]'"
        ) from error


def tool_server(state: State) -> Any:
    """The tools as a server of the SDK, an ``MCPServer``.

    Raises:
        ConfigError: The extra ``mcp`` is missing.
    """
    check_mcp()
    from mcp.server.mcpserver import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
    from mcp.types import ToolAnnotations

    server = MCPServer("recbole_ext", instructions=_ABOUT, log_level="WARNING")
    reading = ToolAnnotations(read_only_hint=True, open_world_hint=False)

    async def answered(work: Callable[[], Awaitable[_Found]]) -> _Found:
        try:
            return await work()
        except (RefusedError, RecBoleExtError) as error:
            raise ToolError(str(error)) from None
        except ValidationError as error:
            first = error.errors()[0]
            raise ToolError(str(first["msg"]).removeprefix("Value error, ")) from None

    @server.tool(annotations=reading)
    async def recommend(
        history: _History,
        model: _Model = None,
        k: _K = 10,
        rerank: RerankRequest | None = None,
        explain: bool = False,
    ) -> dict[str, Any]:
        """Recommends items to a person by what they had, perhaps re-ranked, with reasons if explain is set."""

        async def work() -> dict[str, Any]:
            asked = RecommendRequest(model=model, history=history, k=k, rerank=rerank, explain=explain)
            return await asking.recommend(state, asked)

        return await answered(work)

    @server.tool(annotations=reading)
    async def explain(
        history: _History,
        items: Annotated[list[Name], Field(min_length=1, max_length=limits.EXPLAINED)],
        model: _Model = None,
    ) -> dict[str, Any]:
        """Says which items of a history speak for some items, and by how much."""

        async def work() -> dict[str, Any]:
            return await asking.explain(state, ExplainRequest(model=model, history=history, items=items))

        return await answered(work)

    @server.tool(annotations=reading)
    async def search(
        q: Annotated[str, Field(min_length=1, max_length=limits.QUERY)], k: _K = 10, model: _Model = None
    ) -> dict[str, Any]:
        """Searches titles; case, accents, articles and one typing error do not matter."""

        async def work() -> dict[str, Any]:
            return asking.search(state, model, q, k)

        return await answered(work)

    @server.tool(annotations=reading)
    async def similar(
        item: Annotated[Name, Field(description="Token of an item.")], k: _K = 10, model: _Model = None
    ) -> dict[str, Any]:
        """Lists items that are like another one, as the model compares them."""

        async def work() -> dict[str, Any]:
            return asking.similar(state, model, item, k)

        return await answered(work)

    return server


def add_tools(app: FastAPI, state: State) -> Callable[[], contextlib.AbstractAsyncContextManager[None]]:
    """Adds ``/mcp`` to the application.

    Returns:
        What must be entered while the application runs.
    """
    from mcp.server.transport_security import TransportSecuritySettings

    server = tool_server(state)
    # The guard has looked at host and origin.
    inside = server.streamable_http_app(
        streamable_http_path="/mcp",
        json_response=True,
        stateless_http=True,
        max_request_body_size=limits.BODY,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    app.router.routes.extend(inside.routes)
    manager: Callable[[], contextlib.AbstractAsyncContextManager[None]] = server.session_manager.run
    return manager
