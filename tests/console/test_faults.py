"""What a page that breaks tells the log, and a console that cannot be built."""

import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from structlog.testing import capture_logs

from ferryman.console.application import Console


def console(api: Any) -> Litestar:
    """Return an application whose console makes its calls of ``api``."""
    surface = Litestar(openapi_config=None)
    surface.asgi_handler = Console(
        api, cast("Any", SimpleNamespace(key=None)), "http://ferryman.example"
    )
    return surface


async def test_the_log_of_a_broken_page_has_no_link() -> None:
    """The path of a customer's page opens it, so the log has the route alone."""

    async def broken(_scope: Any, _receive: Any, _send: Any) -> None:
        raise OSError("the surface behind the page broke")

    async with AsyncTestClient(console(broken)) as client:
        with capture_logs() as lines:
            reply = await client.get("/console/shared/fm_shared_opens")
    assert reply.status_code == 500
    [line] = [each for each in lines if each["event"] == "page.failed"]
    assert line["route"].startswith("/console/shared/{")
    assert "opens" not in str(line)


async def test_a_console_that_cannot_be_built_for_a_moment_is_built_for_the_next_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def unused(_scope: Any, _receive: Any, _send: Any) -> None:
        raise AssertionError("a page that shows a form makes no call")

    async with AsyncTestClient(console(unused)) as client:
        with monkeypatch.context() as while_missing:
            while_missing.setitem(sys.modules, "ferryman.console.site", None)
            with pytest.raises(ImportError):
                await client.get("/console/sign-in")
        assert (await client.get("/console/sign-in")).status_code == 200
