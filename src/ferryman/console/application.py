"""Build the console on first use: an application of its own, which calls the admin surface.

It is built when the first page is asked for: a quarter of the API's imports are for pages that most
processes never show (ADR 107).
"""

import asyncio
from typing import TYPE_CHECKING, Any

from litestar.enums import ScopeType
from litestar.response.redirect import ASGIRedirectResponse
from litestar.types import ASGIApp, Receive, Scope, Send

from ferryman.console.mount import AS_ASKED, OWNER, PATH, Brand
from ferryman.console.oidc.settings import ProviderSettings

if TYPE_CHECKING:
    from ferryman.console.session import SignInDesk

_PLAIN = Brand(name="Ferryman", color="#12617c", logo=None)


class Console:
    """ASGI application for ``/console``; all other requests go to ``api``."""

    def __init__(
        self,
        api: ASGIApp,
        sign_ins: "SignInDesk",
        base_url: str,
        provider: ProviderSettings | None = None,
        brand: Brand = _PLAIN,
        *,
        own_store: bool = True,
        delivers: bool = True,
        read_only: bool = False,
    ) -> None:
        self._api = api
        self._given = (sign_ins, base_url, provider, brand)
        self._own_store, self._delivers, self._read_only = own_store, delivers, read_only
        self._building: asyncio.Task[ASGIApp] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path", "")
        ours = scope["type"] == ScopeType.HTTP and (path == PATH or path.startswith(f"{PATH}/"))
        if not ours:
            await self._api(scope, receive, send)
            return
        own: Any = scope
        if path == PATH:
            # Links are relative, so the root is a folder.
            query = own["query_string"].decode("latin-1")
            answer = ASGIRedirectResponse(f"{PATH[1:]}/" + (f"?{query}" if query else ""))
            await answer(scope, receive, send)
            return
        own[OWNER] = own.get("litestar_app")
        own["state"] = {AS_ASKED: path}
        pages = await self._pages()
        await pages(scope, receive, send)

    async def _pages(self) -> ASGIApp:
        """Return the pages, built once, in a thread, while other requests go on."""
        if self._building is None:
            self._building = asyncio.create_task(asyncio.to_thread(self._build))
        building = self._building
        try:
            # Not ended by a client that leaves, since others wait for it too.
            return await asyncio.shield(building)
        except Exception:
            # Files that cannot be read for a moment must not keep the console away for good.
            if self._building is building:
                self._building = None
            raise

    def _build(self) -> ASGIApp:
        from ferryman.console.site import create_pages

        return create_pages(
            self._api,
            *self._given,
            own_store=self._own_store,
            delivers=self._delivers,
            read_only=self._read_only,
        )
