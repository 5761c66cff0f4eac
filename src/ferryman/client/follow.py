"""Follow a timeline as it grows, over connections that may break."""

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue

import msgspec
from urllib3.exceptions import HTTPError

from ferryman.client.admin import AdminClient
from ferryman.wire.transfer import TimelineEntry

_QUIET_SECONDS = 30.0
_PAUSE_SECONDS = 0.5
_OVERLAP = 2_000


@dataclass(frozen=True, slots=True)
class TimelineUpdate:
    """One report of a follower: an entry, or its end; ``failure`` is why it gave up."""

    transfer_id: str
    entry: TimelineEntry | None = None
    failure: Exception | None = None


def start_following(
    admin: AdminClient, transfer_id: str, inbox: "SimpleQueue[TimelineUpdate]"
) -> None:
    """Follow a transfer in a thread of its own, which does not keep the process alive."""

    def run() -> None:
        try:
            for entry in follow(admin, transfer_id):
                inbox.put(TimelineUpdate(transfer_id, entry))
        except Exception as failure:  # noqa: BLE001 - the thread's one duty is to report it
            inbox.put(TimelineUpdate(transfer_id, failure=failure))
        else:
            inbox.put(TimelineUpdate(transfer_id))

    threading.Thread(target=run, name=f"follow-{transfer_id}", daemon=True).start()


def follow(admin: AdminClient, transfer_id: str) -> Iterator[TimelineEntry]:
    """Give every entry once, until the transfer is settled; raises ``ClientError``.

    Entries may appear behind later ones, so a new connection asks for the last ones again and
    skips those that it has given.
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
        if admin.transfers.get(transfer_id).status.final:
            return
        time.sleep(_PAUSE_SECONDS)


def event_data(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Read the ``data`` of server-sent events; an event that is cut off is dropped."""
    rest = b""
    lines: list[bytes] = []
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for event in whole:
            line = event.removesuffix(b"\r")
            if line.startswith(b"data:"):
                lines.append(line[5:].removeprefix(b" "))
            elif not line and lines:
                yield b"\n".join(lines)
                lines = []


def _entries(admin: AdminClient, transfer_id: str, after: int) -> Iterator[TimelineEntry]:
    """Give entries until the stream ends or breaks, without telling the two apart."""
    decoder = msgspec.json.Decoder(TimelineEntry)
    with admin.transfers.stream_timeline(transfer_id, after, timeout=_QUIET_SECONDS) as chunks:
        try:
            for data in event_data(chunks):
                yield decoder.decode(data)
        except (HTTPError, OSError):
            return
