"""What an app keeps on a transfer's site: recorded, and compared after a replay (ADR 122)."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from tempfile import TemporaryFile
from typing import Any

import msgspec

from ferryman.client.admin import AdminClient
from ferryman.client.state_export import listed
from ferryman.domain.kept_state import comparable
from ferryman.sdk.errors import NotAllowedError, NotFoundError
from ferryman.vocab import AppKind
from ferryman.wire.base import Wire
from ferryman.wire.recording import RecordedRun

_MOST = 100
"""The most differences in a report."""

_CUT = 400
"""Characters of each; values may be long."""


class StateDifference(Wire, frozen=True):
    """A line of what the app keeps that only one of the runs has, or more often; cut if long."""

    line: str
    recorded: int
    replayed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedState:
    """Whether what the app keeps is compared, and a file or folder with what it had before."""

    compared: bool = True
    file: str | None = None


FROM_NOTHING = ReplayedState()
"""The app has nothing before, and what it keeps afterwards is compared."""


def kept_lines(admin: AdminClient, run: RecordedRun) -> Iterator[bytes] | None:
    """Return what the app keeps on the transfer's site, as ``state export`` writes it.

    None if the caller may not read that, or if the app is gone.
    """
    if run.app.kind is not AppKind.FORGE:
        return None
    name = f"{run.app.cloud_app_key}@{run.app.environment}"
    site = run.transfer.migration_details.cloud_url
    with suppress(NotAllowedError, NotFoundError):
        admin.state.list(name, None, 1, site=site, prefix=None)
        return (msgspec.json.encode(item) for item in listed(admin.state, name, site))
    return None


def compare_kept(
    recorded: Iterable[Mapping[str, Any]], again: Iterable[Mapping[str, Any]], kept: Iterable[bytes]
) -> list[StateDifference]:
    """Return how what an app keeps now differs; ``again`` gives the recorded lines once more."""
    counts: dict[bytes, list[int]] = {}
    with TemporaryFile() as spool:
        for line in comparable(recorded):
            counts.setdefault(_digest(line), [0, 0])[0] += 1
        for line in comparable(msgspec.json.decode(text) for text in kept):
            counts.setdefault(_digest(line), [0, 0])[1] += 1
            spool.write(line.encode() + b"\n")
        different = {key: pair for key, pair in counts.items() if pair[0] != pair[1]}
        if not different:
            return []
        spool.seek(0)
        found: dict[bytes, StateDifference] = {}
        for line in _both(comparable(again), spool):
            key = _digest(line)
            if key in different and key not in found:
                before, now = different[key]
                found[key] = StateDifference(line=line[:_CUT], recorded=before, replayed=now)
            if len(found) == min(_MOST, len(different)):
                break
    return list(found.values())


def earlier(lines: Iterable[Mapping[str, Any]], began: int) -> int:
    """Return how many values and objects were there before ``began``, in epoch milliseconds."""
    times = (line.get("createdAt") for line in lines)
    return sum(isinstance(time, int) and time < began for time in times)


def _both(first: Iterable[str], rest: Iterable[bytes]) -> Iterator[str]:
    yield from first
    for line in rest:
        yield line.decode().removesuffix("\n")


def _digest(line: str) -> bytes:
    return blake2b(line.encode(), digest_size=16).digest()
