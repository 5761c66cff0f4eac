"""How a store behaves where the acceptance of a file rests on it, tried when a platform starts.

Stores that speak S3 differ in what they check. Each row of ``TRIALS`` tries one habit, with signed
URLs like those of apps where apps use them, and says what a store that differs from S3 leads to.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog
from botocore.exceptions import ClientError

from ferryman.errors import ConfigError
from ferryman.objects.s3.bench import Bench, md5_of
from ferryman.objects.s3.refusals import error_of
from ferryman.objects.s3.single import Single, keeps_to_condition

log = structlog.get_logger("ferryman.objects")

MAX_PARTS = 10_000
_FEW_PARTS = 1_000
"""What S3 takes, and what Swift takes unless it is told otherwise."""

_DATA, _OTHER = b"these bytes, and", b"no others at all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How a store behaves; the defaults are what S3 itself does."""

    replaces_nothing: bool = True
    checks_digests: bool = True
    closes_uploads: bool = True
    takes_fewer_parts: bool = True
    max_parts: int = MAX_PARTS


async def replaces_nothing(bench: Bench) -> bool:
    """Try a conditional PUT where there is an object already."""
    return await keeps_to_condition(bench.client, bench.name(), bench.encryption)


async def checks_digests(bench: Bench) -> bool:
    """Send a part, and a small file, to URLs that were signed for other bytes."""
    async with bench.upload() as scratch:
        wrong = await scratch.put(1, _OTHER, signed_for=_DATA)
        if not wrong.taken:
            # A store that refuses everything has shown nothing.
            (await scratch.put(1, _DATA)).check()
        headers = Single(len(_OTHER), md5_of(_DATA)).headers(bench.encryption)
        whole = await bench.put(scratch.name, {}, headers, _OTHER)
    if wrong.taken and wrong.etag != md5_of(_OTHER):
        raise _nothing_tells()
    return not (wrong.taken or whole.taken)


async def closes_uploads(bench: Bench) -> bool:
    """Send a part of a completed upload again, with other bytes, and read the object."""
    async with bench.upload() as scratch:
        first = await scratch.put(1, _DATA)
        first.check()
        await scratch.complete(1, first.etag)
        late = await scratch.put(1, _OTHER)
        return not late.taken and await scratch.read() == _DATA


async def takes_fewer_parts(bench: Bench) -> bool:
    """Complete an upload of two parts with the first one only."""
    async with bench.upload() as scratch:
        first = await scratch.put(1, _DATA)
        for answer in (first, await scratch.put(2, _OTHER)):
            answer.check()
        try:
            await scratch.complete(1, first.etag)
        except ClientError as error:
            if error_of(error).code != "store_unsuitable":
                raise
            return False
        if await scratch.read() != _DATA:
            raise _parts_mixed()
    return True


async def max_parts(bench: Bench) -> int:
    """Send a part with the highest number that is to be used; if it is refused, a lower one."""
    wanted = bench.address.max_parts or MAX_PARTS
    async with bench.upload() as scratch:
        for limit in sorted({wanted, min(wanted, _FEW_PARTS)}, reverse=True):
            answer = await scratch.put(limit, _DATA)
            if answer.taken:
                return limit
            if answer.passing:
                answer.check()
    raise _few_parts(limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One habit, and for people what S3 does and what a store that differs leads to.

    With a ``refusal`` the platform does not start, unless ``option`` of the address allows it.
    """

    habit: str
    run: Callable[[Bench], Awaitable[bool | int]]
    s3: str
    otherwise: str
    option: str | None = None
    refusal: Callable[[], ConfigError] | None = None


def _digests_ignored() -> ConfigError:
    return ConfigError(
        "store_unsuitable",
        expected="an object store that refuses bytes which differ from their Content-MD5",
        found="one that takes them, so a byte that flips on the way would be accepted",
        fix="Use another store, or add unverified=allow to the address: clients then compare "
        "the etag of each part.",
    )


def _late_parts_taken() -> ConfigError:
    return ConfigError(
        "store_unsuitable",
        expected="an object store that refuses parts of a completed upload",
        found="one that takes them, so a URL that is still open can destroy an accepted file",
        fix="Use another store, or add late_parts=allow to the address if every app is trusted "
        "to use no URL of a part after its file is complete.",
    )


def _nothing_tells() -> ConfigError:
    return ConfigError(
        "store_unsuitable",
        expected="an object store that checks Content-MD5, or whose etags are the md5 of a part",
        found="one that does neither, so a byte that flips on the way would be accepted",
        fix="Use another store, or leave out sse=aws:kms if the address has it.",
    )


def _parts_mixed() -> ConfigError:
    return ConfigError(
        "store_unsuitable",
        expected="an object store that makes a file of the parts that are named",
        found="one that makes it of other parts as well",
        fix="Use another store.",
    )


def _few_parts(limit: int) -> ConfigError:
    return ConfigError(
        "store_unsuitable",
        expected=f"an object store that takes {limit} parts in an upload",
        found="one that takes fewer",
        fix="Add max_parts=… to the address, with the number that the store takes.",
    )


TRIALS = (
    Trial(
        habit="checks_digests",
        run=checks_digests,
        s3="refuses a part, and a small file, whose bytes differ from the signed `Content-MD5`",
        otherwise="clients compare the etag of each part with its md5, and small files are "
        "multipart uploads too",
        option="unverified",
        refusal=_digests_ignored,
    ),
    Trial(
        habit="closes_uploads",
        run=closes_uploads,
        s3="refuses a part whose upload is complete, and leaves the object as it is",
        otherwise="whoever has a URL of a part can destroy the accepted file for an hour",
        option="late_parts",
        refusal=_late_parts_taken,
    ),
    Trial(
        habit="max_parts",
        run=max_parts,
        s3="takes 10,000 parts, or `max_parts` of the address",
        otherwise="files have at most 1,000 parts, which are larger; a store that refuses even "
        "these is refused",
    ),
    Trial(
        habit="replaces_nothing",
        run=replaces_nothing,
        s3="keeps an object when a PUT says `If-None-Match: *`",
        otherwise="small files are multipart uploads too, which take more calls",
    ),
    Trial(
        habit="takes_fewer_parts",
        run=takes_fewer_parts,
        s3="completes an upload that holds more parts than are named",
        otherwise="a resumed file that became shorter is sent again from the start",
    ),
)


async def try_habits(bench: Bench) -> Habits:
    """Run all trials beside each other.

    Raises ``ConfigError`` (``store_unsuitable``) for a store that must not be used as the address
    says, and what the client raises. What a trial made is removed in every case.
    """
    found = await asyncio.gather(*(trial.run(bench) for trial in TRIALS), return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException):
            raise each
    expected = replace(Habits(), max_parts=bench.address.max_parts or MAX_PARTS)
    for trial, seen in zip(TRIALS, found, strict=True):
        if seen == getattr(expected, trial.habit):
            continue
        allowed = trial.option is not None and getattr(bench.address, trial.option)
        if trial.refusal is not None and not allowed:
            raise trial.refusal()
        tell = log.info if trial.refusal is None else log.warning
        tell("store.differs", habit=trial.habit, found=seen, so=trial.otherwise)
    return Habits(**{trial.habit: seen for trial, seen in zip(TRIALS, found, strict=True)})  # type: ignore[arg-type]
