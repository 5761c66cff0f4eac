"""Drives flows by hand: the network's side of a conversation is a list of what happens."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from ferryman.sdk.exchange import Close, Command, Flow, NoAnswerError, Open, Read, Send, Wait
from ferryman.sdk.operation import Answer, Request

T = TypeVar("T")


@dataclass
class Body:
    """An opened body whose reads give ``pieces``, then the end."""

    status: int
    headers: dict[str, str]
    pieces: list[bytes | NoAnswerError]
    took: float = 0.0
    closed: bool = False


@dataclass
class Drive(Generic[T]):
    """A conversation that was carried out."""

    result: T | None = None
    requests: list[Request] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)


Event = Answer | Body | NoAnswerError


def drive(flow: Flow[T], events: Iterable[Event]) -> Drive[T]:
    """Run ``flow``; each request meets the next of ``events``, and none may be left over."""
    done: Drive[T] = Drive()
    left = list(events)
    try:
        command = next(flow)
        while True:
            try:
                result = _happen(command, done, left)
            except NoAnswerError as lost:
                command = flow.throw(lost)
            else:
                command = flow.send(result)
    except StopIteration as end:
        done.result = end.value
    assert not left, f"expected {len(left)} more requests"
    return done


def _happen(command: Command, done: Drive[T], left: list[Event]) -> object:
    match command:
        case Send(request) | Open(request):
            done.requests.append(request)
            event = left.pop(0)
            if isinstance(event, NoAnswerError):
                raise event
            return event
        case Read(body, _size):
            piece = body.pieces.pop(0) if body.pieces else b""
            if isinstance(piece, NoAnswerError):
                raise piece
            return piece
        case Close(body):
            body.closed = True
            return None
        case Wait(seconds):
            done.waits.append(seconds)
            return None


def answer(status: int = 200, body: object = None, **headers: str) -> Answer:
    """Make an answer whose body is ``body`` as JSON; ``retry_after`` names ``retry-after``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    data = b"" if body is None else msgspec.json.encode(body)
    return Answer(status=status, headers=named, body=data)


def problem(status: int, code: str) -> dict[str, object]:
    """Make a problem document."""
    return {
        "type": f"/errors/{code}",
        "title": code,
        "status": status,
        "detail": "d",
        "code": code,
        "expected": "one thing",
        "found": "another",
        "fix": "Do this.",
    }
