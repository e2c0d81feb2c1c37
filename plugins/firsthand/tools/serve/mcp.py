"""The same tools over the Model Context Protocol, by its official SDK: streamable HTTP, and stdio for one row.

How a call ended and what its answer rests on are for the client program, so they travel in `_meta`, which clients do
not show to a model; the content is what the model reads and sees.
"""

import base64
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ImageContent,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
    Tool,
    ToolAnnotations,
)

from firsthand.errors import UserError
from firsthand.tools.protocol import Context, Outcome
from firsthand.tools.serve.call_queue import CallQueue

OUTCOME = "firsthand/outcome"  # the key in `_meta`


def build(queue: CallQueue, context_of: Callable[[Any], Context]) -> Server:
    """`context_of` reads the HTTP request that carried a message; on stdio it is None."""
    listed = [_tool(schema["function"]) for schema in queue.toolbox.schemas()]

    async def list_tools(_: Any, params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=listed)

    async def call_tool(ctx: Any, params: CallToolRequestParams) -> CallToolResult:
        try:
            context = context_of(ctx.request)
        except UserError as error:  # the client program can correct it and a model cannot: it is no result to read
            raise MCPError(INVALID_PARAMS, str(error)) from None
        return _result(await queue.call(params.name, params.arguments or {}, context))

    return Server("firsthand", version=version("firsthand"), on_list_tools=list_tools, on_call_tool=call_tool)


async def serve_stdio(server: Server) -> None:
    async with stdio_server() as (reader, writer):
        await server.run(reader, writer, server.create_initialization_options())


def _tool(function: dict[str, Any]) -> Tool:
    hints = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
    name, description, schema = function["name"], function["description"], function["parameters"]
    return Tool(name=name, description=description, input_schema=schema, annotations=hints)


def _result(outcome: Outcome) -> CallToolResult:
    images = [
        ImageContent(data=base64.b64encode(image.jpeg).decode(), mime_type="image/jpeg") for image in outcome.images
    ]
    about = {"status": outcome.status, "seconds": outcome.seconds, "spans": outcome.spans}
    return CallToolResult(
        content=[TextContent(text=outcome.text), *images],
        is_error=outcome.status != "ok",
        _meta={OUTCOME: about},
    )
