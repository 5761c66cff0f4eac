"""Serve the tools over standard input and output, by the package ``mcp``."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from typing import Any

import mcp_types as types
import msgspec
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError

from ferryman.cli.mcp import documents
from ferryman.cli.mcp.answer import MARK
from ferryman.cli.mcp.calls import Calls
from ferryman.cli.mcp.tool import Tool
from ferryman.errors import ConfigError

_CALLS_AT_ONCE = 4
_MOST_THREADS = 64
"""More than calls: the thread of a call that was cancelled goes on until its work is done."""

INSTRUCTIONS = f"""\
Ferryman carries an app's data from a self-hosted server into the cloud. Ask it why a migration of
the app is stuck: begin with `overview`, then `explain_transfer`; each diagnosis names the first
broken link and its fix. Times are epoch milliseconds of the platform's clock, which `overview`
shows. `search_docs` finds how something is done. {MARK}
"""

Context = ServerRequestContext[Any]


def serve(calls: Calls) -> None:
    """Answer calls until standard input ends; then end this process."""
    asyncio.run(_serve(calls))


async def _serve(calls: Calls) -> None:
    server = _server(calls)
    try:
        async with stdio_server() as (reading, writing):
            await server.run(reading, writing, server.create_initialization_options())
    except* OSError:
        pass  # nobody reads the answers any more
    # Whoever asked has gone, so the interpreter must not wait for the threads of their calls.
    os._exit(0)


def _server(calls: Calls) -> "Server[Any]":
    slots = asyncio.Semaphore(_CALLS_AT_ONCE)
    threads = ThreadPoolExecutor(_MOST_THREADS)

    async def list_tools(
        _context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[*map(_described, calls.tools)])

    async def call_tool(
        _context: Context, params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        answer, failed = await waited(partial(calls.answer, params.name, params.arguments or {}))
        text = msgspec.json.encode(answer).decode()
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=text)],
            structured_content=answer,
            is_error=failed,
        )

    async def list_resources(
        _context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        return types.ListResourcesResult(
            resources=[
                types.Resource(
                    uri=each.address,
                    name=each.address.rpartition("/")[2],
                    title=each.title,
                    mime_type=each.media_type,
                )
                for each in await waited(lambda: [*documents.documents()])
            ]
        )

    async def read_resource(
        _context: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        try:
            found = await waited(partial(documents.document, str(params.uri)))
        except ConfigError as refused:
            raise MCPError(types.INVALID_PARAMS, str(refused)) from None
        content = types.TextResourceContents(
            uri=params.uri, mime_type=found.media_type, text=found.text
        )
        return types.ReadResourceResult(contents=[content])

    async def waited(work: Callable[[], Any]) -> Any:
        """Do it in a thread: the server answers other requests, such as pings, meanwhile."""
        async with slots:
            return await asyncio.get_running_loop().run_in_executor(threads, work)

    return Server(
        "ferryman",
        title="Ferryman",
        version=version("ferryman"),
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_read_resource=read_resource,
    )


def _described(tool: Tool[Any]) -> types.Tool:
    return types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=tool.schema,
        annotations=types.ToolAnnotations(
            read_only_hint=not tool.writes,
            destructive_hint=False,
            idempotent_hint=not tool.writes,
            open_world_hint=False,
        ),
    )
