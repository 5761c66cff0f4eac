"""A listener whose writers fail at random, and which keeps a list of what it meant to export.

Run by an agent as ``listener:export``. The list is a file of its own, one JSON object a line, which
is on the disk before anything is done of which it tells:

    begin           a run of the listener, under a claim of a transfer
    mean            a file: label, sha256
    done without    a label that the run gave up on purpose
    recognised      a label of which an earlier run registered the file
    completing      the run is about to complete its export
    end             how the run ended: completed, returned, raised, incomplete (returned without a
                    file), or refused, though no file was missing
"""

import gc
import io
import json
import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from ferryman import Gateway, GatewayError, MigrationDetails
from ferryman.sdk.stream import AppDataStream

BOOK = Path(os.environ.get("FERRYMAN_TEST_BOOK", "book"))
SEED = os.environ.get("FERRYMAN_TEST_SEED", "0")

KEPT: list[AppDataStream] = []
"""Files that were left open."""


class SourceError(Exception):
    """What a source raises in the middle of a file."""


@dataclass
class Run:
    """One call of the listener; ``chance`` is another one for each."""

    gateway: Gateway
    chance: random.Random
    run_id: str = field(default_factory=lambda: uuid4().hex)

    def write_down(self, what: str, **facts: object) -> None:
        """On the disk before this returns."""
        line = json.dumps({"run": self.run_id, "what": what, **facts}) + "\n"
        book = os.open(BOOK, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(book, line.encode())
            os.fsync(book)
        finally:
            os.close(book)


@dataclass(frozen=True)
class File:
    """One that is meant; with a ``key`` it has the same bytes in each run."""

    label: str
    key: str | None
    data: bytes


def export(gateway: Gateway, details: MigrationDetails) -> None:
    """Export some files, some of them badly."""
    plan = random.Random(f"{SEED} {gateway.transfer_id}")  # noqa: S311
    run = Run(gateway, random.Random(f"{SEED} {uuid4()}"))  # noqa: S311
    claim = int((gateway._transport._headers or {}).get("ferryman-claim", 0))
    run.write_down("begin", transfer=gateway.transfer_id, claim=claim)
    end = "raised"
    try:
        missing = [file for file in files(plan, run) if not send(run, file)]
        end = finish(run, missing)
    finally:
        KEPT.clear()
        run.write_down("end", how=end)


def files(plan: random.Random, run: Run) -> list[File]:
    """What the transfer consists of; each is written down before it is written."""
    found = []
    for number in range(plan.randint(1, 6)):
        size = plan.choice([0, 40, 3000, 70_000, 70_000, 900_000, 5_300_000, 11_000_000])
        key = f"key {number}" if plan.random() < 0.4 else None
        source = plan if key else run.chance
        found.append(File(f"file {number}", key, source.randbytes(size)))
    for file in found:
        run.write_down("mean", label=file.label, sha256=sha256(file.data).hexdigest())
    return found


def pieces(run: Run, data: bytes) -> list[bytes]:
    step = max(1, len(data) // run.chance.randint(1, 4))
    return [data[at : at + step] for at in range(0, len(data), step)]


def write(run: Run, out: io.BufferedIOBase, data: bytes) -> None:
    """Slowly, so that there are moments to be killed in."""
    for piece in pieces(run, data):
        out.write(piece)
        time.sleep(run.chance.choice([0, 0, 0.02, 0.1]))


def fail_in(run: Run, out: io.BufferedIOBase, data: bytes) -> None:
    """Write some of it, then fail."""
    out.write(data[: run.chance.randint(0, len(data))])
    raise SourceError


def send(run: Run, file: File) -> bool:
    """Whether it is registered, or done without on purpose."""
    if run.chance.random() < 0.12:
        stream = run.gateway.create_app_data(file.label, resume_key=file.key)
        there = stream.receipt is not None
        with suppress(SourceError):
            run.chance.choice(BAD)(run, stream, file.data)
        if there:
            return True
        match run.chance.choice(["again", "again", "again", "without", "forget", "raise"]):
            case "without":
                run.write_down("done without", label=file.label)
                stream.abandon()
                return True
            case "forget":
                return False
            case "raise":
                del stream
                raise SourceError
        if stream in KEPT:
            KEPT.remove(stream)
        del stream
        gc.collect()
    send_well(run, file)
    return True


def send_well(run: Run, file: File) -> None:
    """In one of the ways in which it is done right."""
    stream = run.gateway.create_app_data(file.label, resume_key=file.key)
    if stream.receipt is not None:
        run.write_down("recognised", label=file.label)
    if stream.receipt is not None and run.chance.random() < 0.5:
        stream.close()
        return
    run.chance.choice(GOOD)(run, stream, file.data)


def in_a_block(run: Run, stream: AppDataStream, data: bytes) -> None:
    with stream:
        write(run, stream, data)


def closed(run: Run, stream: AppDataStream, data: bytes) -> None:
    write(run, stream, data)
    stream.close()


def buffered(run: Run, stream: AppDataStream, data: bytes) -> None:
    with io.BufferedWriter(stream) as out:
        write(run, out, data)


def completed_in_except(run: Run, stream: AppDataStream, data: bytes) -> None:
    source = iter(pieces(run, data))
    try:
        while True:
            stream.write(next(source))
    except StopIteration:
        stream.complete()


def bad_block(run: Run, stream: AppDataStream, data: bytes) -> None:
    with stream:
        fail_in(run, stream, data)


def bad_wrapper(run: Run, stream: AppDataStream, data: bytes) -> None:
    with io.TextIOWrapper(stream, encoding="latin-1", newline="") as out:
        out.write(data[: run.chance.randint(0, len(data))].decode("latin-1"))
        raise SourceError


def closed_at_last(run: Run, stream: AppDataStream, data: bytes) -> None:
    try:
        fail_in(run, stream, data)
    finally:
        stream.close()


def swallowed_inside(run: Run, stream: AppDataStream, data: bytes) -> None:
    with stream, suppress(SourceError), io.BufferedWriter(stream) as out:
        fail_in(run, out, data)


def left_open(run: Run, stream: AppDataStream, data: bytes) -> None:
    KEPT.append(stream)
    fail_in(run, stream, data)


def dropped(run: Run, stream: AppDataStream, data: bytes) -> None:
    fail_in(run, stream, data)


Way = Callable[[Run, AppDataStream, bytes], None]
GOOD: list[Way] = [in_a_block, in_a_block, closed, buffered, completed_in_except]
BAD: list[Way] = [bad_block, bad_wrapper, closed_at_last, swallowed_inside, left_open, dropped]


def finish(run: Run, missing: list[File]) -> str:
    """Complete the export, or just return; how it ended."""
    chosen = run.chance.random()
    if chosen < 0.05:
        raise SourceError
    if chosen < 0.15:
        return "incomplete" if missing else "returned"
    if chosen < 0.25:
        for file in missing:
            run.write_down("done without", label=file.label)
        run.write_down("completing")
        run.gateway.complete_export(abandon_unfinished=True)
        return "completed"
    run.write_down("completing")
    try:
        run.gateway.complete_export()
    except GatewayError as refused:
        if refused.code != "export_incomplete":
            raise
        if not missing and "'http " not in str(refused):
            return "refused"
        if run.chance.random() < 0.3:
            raise
    else:
        assert not missing, "completed though a file was forgotten"
        return "completed"
    return send_again(run, missing)


def send_again(run: Run, missing: list[File]) -> str:
    """What the refusal asks for."""
    KEPT.clear()
    for file in missing:
        send_well(run, file)
    run.gateway.complete_export()
    return "completed"
