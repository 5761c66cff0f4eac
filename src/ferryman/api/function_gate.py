"""Limit the calls of functions in a sandbox to the surfaces of cloud apps."""

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from ferryman import refusals
from ferryman.api.connect import BASE
from ferryman.api.objects import PATH
from ferryman.api.problems import send_answer
from ferryman.api.wrong_tokens import address_of
from ferryman.domain.addresses import OF_FUNCTIONS

_OPEN = (
    "/app/migration/forge/",
    "/app/forge/",
    f"{BASE}/",
    f"/wiki{BASE}/",
    f"{PATH}/",
    "/.well-known/jwks.json",
    "/healthz",
)


class FunctionGate:
    """ASGI middleware that refuses calls of sandboxed functions to all other surfaces.

    It recognises them by the address that a worker of the same machine uses for them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless a function makes it and it leads elsewhere."""
        if scope["type"] == ScopeType.HTTP and address_of(scope) == OF_FUNCTIONS:
            path = scope["path"]
            if not path.startswith(_OPEN):
                await send_answer(refusals.access.NOT_FOR_FUNCTIONS(path=path), send)
                return
        await self._app(scope, receive, send)
