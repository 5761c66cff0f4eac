"""Litestar without work that no call of the API needs, and its start would wait for (ADR 125)."""

from typing import Any

from litestar import Litestar, Router
from litestar.handlers import HTTPRouteHandler
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.routes import BaseRoute, HTTPRoute

_OPTIONS = HTTPRoute.create_options_handler.__qualname__ + ".<locals>.options_handler"


class _Routes(Router):
    """Routes whose answers to ``OPTIONS`` are looked at once.

    Litestar adds such a handler to each path. They differ in nothing that it derives from their
    signatures and dependencies, which is a third of the time in which an application is built.
    """

    _first: HTTPRouteHandler | None = None

    def register(self, value: Any) -> list[BaseRoute]:
        """Add routes, as Litestar does."""
        routes = super().register(value)
        for route in routes:
            for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
                if getattr(handler.fn, "__qualname__", None) == _OPTIONS:
                    self._share(handler)
        return routes

    def _share(self, handler: Any) -> None:
        first: Any = self._first
        if first is None:
            self._first = handler
            # Read once, which makes them.
            _ = handler.parsed_fn_signature, handler.signature_model
        else:
            handler._parsed_fn_signature = first.parsed_fn_signature  # noqa: SLF001
            handler._signature_model = first.signature_model  # noqa: SLF001
        handler._resolved_dependencies = {}  # noqa: SLF001 - it takes nothing but the request


class LeanLitestar(Litestar, _Routes):  # type: ignore[misc] # as Litestar itself has it
    """Litestar without its plugins for models of pydantic and attrs, which no handler has.

    Importing them would take a sixth of the time in which the application is built.
    """

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]
