"""Following a timeline as it grows, over connections that may break."""

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue
from typing import cast

import msgspec
from urllib3.exceptions import HTTPError

from ferryman.cli import admin_calls as calls
from ferryman.cli.connection import Admin
from ferryman.sdk.errors import ClientError
from ferryman.sdk.exchange import NoAnswerError
from ferryman.sdk.http import UrllibBody
from ferryman.sdk.operation import Answer, Request, describe, refusal
from ferryman.wire.transfer import TimelineEntry

_QUIET_SECONDS = 30.0
_PAUSE_SECONDS = 0.5
_OVERLAP = 2_000


@dataclass(frozen=True, slots=True)
class News:
    """What a follower has to tell: an entry, or its end; ``failure`` is why it gave up."""

    transfer_id: str
    entry: TimelineEntry | None = None
    failure: Exception | None = None


def start_following(admin: Admin, transfer_id: str, inbox: "SimpleQueue[News]") -> None:
    """Follow a transfer in a thread of its own, which does not keep the process alive."""

    def run() -> None:
        try:
            for entry in follow(admin, transfer_id):
                inbox.put(News(transfer_id, entry))
        except Exception as failure:  # noqa: BLE001 - the thread's one duty is to tell of it
            inbox.put(News(transfer_id, failure=failure))
        else:
            inbox.put(News(transfer_id))

    threading.Thread(target=run, name=f"follow-{transfer_id}", daemon=True).start()


def follow(admin: Admin, transfer_id: str) -> Iterator[TimelineEntry]:
    """Give every entry once, until the transfer is settled; raises ``ClientError``.

    Entries may appear behind later ones, so a new connection asks for the last ones again and
    leaves out what was given already.
    """
    recent: deque[int] = deque(maxlen=_OVERLAP)
    given: set[int] = set()
    while True:
        after = recent[0] - 1 if recent else 0
        for entry in _entries(admin, transfer_id, after):
            if entry.seq in given:
                continue
            if len(recent) == _OVERLAP:
                given.discard(recent[0])
            recent.append(entry.seq)
            given.add(entry.seq)
            yield entry
        if admin.call(calls.get_transfer(transfer_id)).status.final:
            return
        time.sleep(_PAUSE_SECONDS)


def event_data(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Read the ``data`` of server-sent events; one that is cut off is left out."""
    rest = b""
    lines: list[bytes] = []
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for each in whole:
            line = each.removesuffix(b"\r")
            if line.startswith(b"data:"):
                lines.append(line[5:].removeprefix(b" "))
            elif not line and lines:
                yield b"\n".join(lines)
                lines = []


def _entries(admin: Admin, transfer_id: str, after: int) -> Iterator[TimelineEntry]:
    """Give entries until the stream ends or breaks, without telling the two apart."""
    transport = admin.reading
    request = calls.follow_timeline(transfer_id, after, _QUIET_SECONDS)
    try:
        opened = transport.run(transport.exchange.open(request))
    except NoAnswerError as lost:
        raise transport.exchange.unanswered(request, lost) from lost
    body = cast("UrllibBody", opened)
    try:
        _check(request, body)
        decoder = msgspec.json.Decoder(TimelineEntry)
        for data in event_data(body.response.stream(1 << 16)):
            yield decoder.decode(data)
    except (HTTPError, OSError):
        return
    finally:
        body.response.close()


def _check(request: Request, body: UrllibBody) -> None:
    if body.status != 200:
        answer = Answer(status=body.status, headers=body.headers, body=body.response.read())
        raise refusal(answer, ClientError, describe(request))
