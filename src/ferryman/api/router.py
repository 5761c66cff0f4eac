"""Routers that belong to one application."""

from collections.abc import Sequence
from typing import Any, Self

import litestar
from litestar import HttpMethod, MediaType, Request, Response
from litestar.handlers import HTTPRouteHandler, route
from litestar.utils import join_paths


class Router(litestar.Router):
    """A router that only one application or router uses, so it need not be copied.

    Deep copies of all routers, with their routes, would take a fifth of the time to build the
    application.
    One handler answers ``OPTIONS`` on all paths of a router: Litestar would make one for each
    path, half of all handlers.
    """

    def __init__(self, path: str, *, route_handlers: Sequence[Any], **options: Any) -> None:
        own = [each for each in route_handlers if isinstance(each, HTTPRouteHandler)]
        answered = {at for each in own if "OPTIONS" in each.http_methods for at in each.paths}
        paths = list(dict.fromkeys(at for each in own for at in sorted(each.paths)))
        unanswered = [at for at in paths if at not in answered]
        # First, as a route that is made without one makes its own.
        allowed = [_allowed_methods(unanswered)] if unanswered else []
        super().__init__(path, route_handlers=[*allowed, *route_handlers], **options)
        # A handler keeps its paths in a set; documents have them in the order of their handlers.
        places = {join_paths([self.path, at]): place for place, at in enumerate(paths)}
        self.routes.sort(key=lambda each: places.get(each.path, len(places)))

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self


def _allowed_methods(paths: list[str]) -> HTTPRouteHandler:
    """Return a handler of its own, since it belongs to one router."""

    async def allowed_methods(request: Request[Any, Any, Any]) -> Response[None]:
        template = request.scope["path_template"]
        methods = next(each.methods for each in request.app.routes if each.path_format == template)
        allow = ", ".join(sorted(methods))
        return Response(None, headers={"Allow": allow}, media_type=MediaType.TEXT)

    return route(paths, http_method=[HttpMethod.OPTIONS], status_code=204, include_in_schema=False)(
        allowed_methods
    )
