"""The queues of Forge, as `@forge/events` calls them."""

from typing import Any, TypeVar

import msgspec
from litestar import Request, Response, post
from litestar.di import NamedDependency

from ferryman import refusals
from ferryman.api import forge_problem
from ferryman.api.parameters import Caller, OwnPlatform
from ferryman.api.router import Router
from ferryman.api.throttle import AppThrottle
from ferryman.domain.limits import QUEUE_EVENTS
from ferryman.domain.queue import Concurrency, NewEvent
from ferryman.errors import PlatformError
from ferryman.services import queue as queue_service
from ferryman.wire.queue import (
    JobCall,
    JobCounts,
    Push,
    PushedEvent,
    QueueProblem,
)

T = TypeVar("T")
Asked = Request[Any, Any, Any]
PushRate = NamedDependency[AppThrottle]

CHAIN = "x-ferryman-queue-chain"
"""Set by the host of a consumer: how many pushes led to the event that it handles."""

_GREATEST_LIMIT = 2**31 - 1
"""The largest number that the database can compare; nobody runs more events at once."""

_BODIES_ALONE = "forge/app-event"
"""The end of the schema's name with which version 1 of the package pushes only bodies."""


@post("/publish")
async def push_events(
    request: Asked, caller: Caller, platform: OwnPlatform, push_rate: PushRate
) -> Response[bytes]:
    """Push events; the package takes no other answer than 201 for a success."""
    asked = await _body(request, Push)
    events = [_event(asked, raw) for raw in asked.payload]
    size = 1 + sum(len(raw) + 1 for raw in map(bytes, asked.payload))
    # More than a push may have are refused by their number: waiting would not help.
    push_rate.admit(caller.app_id, min(len(events), QUEUE_EVENTS))
    await queue_service.push(
        platform,
        caller,
        queue=asked.queue_name,
        job_id=asked.job_id,
        events=events,
        size=size,
        chain=_chain(request.headers.get(CHAIN)),
    )
    return Response(b"{}", status_code=201, media_type="application/json")


@post("/stats")
async def count_job(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Count the events of a job."""
    asked = await _body(request, JobCall)
    found = await queue_service.stats(platform, caller, queue=asked.queue_name, job_id=asked.job_id)
    counts = JobCounts(success=found.success, in_progress=found.in_progress, failed=found.failed)
    return Response(msgspec.json.encode(counts), status_code=200, media_type="application/json")


@post("/cancel")
async def cancel_job(request: Asked, caller: Caller, platform: OwnPlatform) -> Response[bytes]:
    """Cancel what has not started of a job."""
    asked = await _body(request, JobCall)
    await queue_service.cancel(platform, caller, queue=asked.queue_name, job_id=asked.job_id)
    return Response(b"", status_code=204)


def queue_router() -> Router:
    """Return the calls of the package, without the placeholders in its paths."""
    return Router(
        path="/queue",
        exception_handlers=forge_problem.answers(_problem),
        route_handlers=[push_events, count_job, cancel_job],
    )


async def _body(request: Asked, kind: type[T]) -> T:
    return _decoded(await request.body(), kind)


def _decoded(text: bytes, kind: type[T]) -> T:
    """Decode what the package sent, less strictly than our own calls: a body may be any JSON."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise refusals.queue.REQUEST_INVALID(found=str(error)) from error


def _event(asked: Push, raw: msgspec.Raw) -> NewEvent:
    content = bytes(raw)
    if asked.schema.endswith(_BODIES_ALONE):
        _decoded(content, object)
        return NewEvent(body=content, size=len(content), delay=_seconds(asked.delay_in_seconds))
    event = _decoded(content, PushedEvent)
    body = bytes(event.body)
    _decoded(body, object)
    given = event.concurrency
    limit = (
        None
        if given is None
        else Concurrency(key=given.key, limit=min(given.limit, _GREATEST_LIMIT))
    )
    return NewEvent(
        body=body,
        size=len(content),
        delay=_seconds(event.delay_in_seconds),
        concurrency=limit,
    )


def _seconds(given: float | str | None) -> float | None:
    """Return a delay; the package also sends it as a text."""
    try:
        return None if given is None else float(given)
    except ValueError as error:
        raise refusals.queue.REQUEST_INVALID(found=f"a delay of {given}") from error


def _chain(given: str | None) -> int:
    """Return how many pushes led to this one; 0 for one that no consumer makes."""
    return int(given) + 1 if given and given.isascii() and given.isdigit() and len(given) < 8 else 0


def _problem(error: PlatformError) -> QueueProblem:
    message = f"Expected {error.expected}; found {error.found}. {error.fix}"
    return QueueProblem(code=error.code, message=message, error_message=message)
