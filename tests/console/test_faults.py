"""What a page that breaks tells the log."""

from types import SimpleNamespace
from typing import Any, cast

from litestar import Litestar
from litestar.testing import AsyncTestClient
from structlog.testing import capture_logs

from ferryman.console.application import Console


async def test_the_log_of_a_broken_page_has_no_link() -> None:
    """The path of a customer's page opens it, so the log has the route alone."""

    async def broken(_scope: Any, _receive: Any, _send: Any) -> None:
        raise OSError("the surface behind the page broke")

    surface = Litestar(openapi_config=None)
    surface.asgi_handler = Console(
        broken, cast("Any", SimpleNamespace(key=None)), "http://ferryman.example"
    )
    async with AsyncTestClient(surface) as client:
        with capture_logs() as lines:
            reply = await client.get("/console/shared/fm_shared_opens")
    assert reply.status_code == 500
    [line] = [each for each in lines if each["event"] == "page.failed"]
    assert line["route"].startswith("/console/shared/{")
    assert "opens" not in str(line)
