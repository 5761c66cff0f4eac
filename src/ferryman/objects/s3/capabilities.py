"""Probe how a store behaves where the safety of files depends on it, when a platform starts.

Stores that speak S3 differ in what they check. Each row of ``CAPABILITY_CHECKS`` tries one
behaviour, with signed URLs like those of apps, and states what happens if a store differs from S3.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import structlog
from botocore.exceptions import ClientError

from ferryman import refusals
from ferryman.errors import ConfigError
from ferryman.objects.s3.errors import error_of
from ferryman.objects.s3.presign import CONTENT_SHA256
from ferryman.objects.s3.probe import Probe, ProbeAnswer, md5_of, sha256_of
from ferryman.objects.s3.small_file import SmallFile, keeps_to_condition

log = structlog.get_logger("ferryman.objects")

MAX_PARTS = 10_000
_FEW_PARTS = 1_000
"""The default limit of Swift; S3 itself takes ``MAX_PARTS``."""

_DATA, _OTHER = b"these bytes, and", b"no others at all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """The capabilities of a store; the defaults are those of S3 itself."""

    replaces_nothing: bool = True
    verifies_sha256: bool = True
    checks_digests: bool = True
    closes_uploads: bool = True
    takes_fewer_parts: bool = True
    max_parts: int = MAX_PARTS


async def replaces_nothing(probe: Probe) -> bool:
    """Try a conditional PUT over an existing object."""
    return await keeps_to_condition(probe.client, probe.name(), probe.encryption)


async def checks_digests(probe: Probe) -> bool:
    """Send a part, and a small file, to URLs that were signed for other bytes."""
    async with probe.upload() as scratch:
        wrong = await scratch.put(1, _OTHER, signed_for=_DATA)
        if not wrong.taken:
            # A store that refuses everything has proved nothing.
            (await scratch.put(1, _DATA)).check()
        headers = SmallFile(len(_OTHER), md5_of(_DATA)).headers(probe.encryption)
        whole = await probe.put(scratch.name, {}, headers, _OTHER)
    if wrong.taken and wrong.etag != md5_of(_OTHER):
        raise refusals.object_store.NOTHING_VERIFIES()
    return not (wrong.taken or whole.taken)


async def verifies_sha256(probe: Probe) -> bool:
    """Send a part and a small file to URLs that sign a sha256: right, wrong and without it."""
    async with probe.upload() as scratch:

        async def part(signed_for: bytes, without: str = "") -> ProbeAnswer:
            return await scratch.put(
                1, _DATA, signed_for=signed_for, digest_of=sha256_of, without=without
            )

        async def whole(signed_for: bytes, without: str = "") -> ProbeAnswer:
            headers = SmallFile(len(_DATA), sha256_of(signed_for)).headers(probe.encryption)
            return await probe.put(scratch.name, {}, headers, _DATA, without=without)

        for send in (part, whole):
            # The right one last: it closes the name of a small file.
            for answer in (await send(_OTHER), await send(_DATA, CONTENT_SHA256)):
                if answer.taken:
                    return False
                if answer.passing:
                    answer.check()
            right = await send(_DATA)
            if right.passing:
                right.check()
            if not right.taken:
                return False
    return True


async def closes_uploads(probe: Probe) -> bool:
    """Send a part of a completed upload again, with other bytes, and read the object."""
    async with probe.upload() as scratch:
        first = await scratch.put(1, _DATA)
        first.check()
        await scratch.complete(1, first.etag)
        late = await scratch.put(1, _OTHER)
        return not late.taken and await scratch.read() == _DATA


async def takes_fewer_parts(probe: Probe) -> bool:
    """Complete an upload of two parts with only the first."""
    async with probe.upload() as scratch:
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
            raise refusals.object_store.PARTS_MIXED()
    return True


async def max_parts(probe: Probe) -> int:
    """Send a part with the highest number to be used; if it is refused, with a lower one."""
    configured = probe.address.max_parts or MAX_PARTS
    async with probe.upload() as scratch:
        for limit in sorted({configured, min(configured, _FEW_PARTS)}, reverse=True):
            answer = await scratch.put(limit, _DATA)
            if answer.taken:
                return limit
            if answer.passing:
                answer.check()
    raise refusals.object_store.FEW_PARTS(limit=limit)


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityCheck:
    """One behaviour, with the effect of a store that differs from S3.

    ``s3`` and ``otherwise`` describe both for people. With a ``refusal`` the platform does not
    start, unless ``option`` of the address allows it, or the store has the habit ``replaced_by``.
    """

    habit: str
    run: Callable[[Probe], Awaitable[bool | int]]
    s3: str
    otherwise: str
    option: str | None = None
    refusal: refusals.Refusal[ConfigError] | None = None
    replaced_by: str | None = None


CAPABILITY_CHECKS = (
    CapabilityCheck(
        habit="verifies_sha256",
        run=verifies_sha256,
        s3="verifies a signed `x-amz-content-sha256`: refuses a part, and a small file, of other "
        "bytes or without the header",
        otherwise="clients also send the md5 of each part, which takes longer to compute",
    ),
    CapabilityCheck(
        habit="checks_digests",
        run=checks_digests,
        s3="refuses a part, and a small file, whose bytes differ from the signed `Content-MD5`",
        otherwise="clients compare the etag of each part with its md5, and small files are "
        "also multipart uploads",
        option="unverified",
        refusal=refusals.object_store.DIGESTS_IGNORED,
        replaced_by="verifies_sha256",
    ),
    CapabilityCheck(
        habit="closes_uploads",
        run=closes_uploads,
        s3="refuses a part whose upload is complete, and leaves the object as it is",
        otherwise="anyone with the URL of a part can destroy the accepted file for an hour",
        option="late_parts",
        refusal=refusals.object_store.LATE_PARTS_TAKEN,
    ),
    CapabilityCheck(
        habit="max_parts",
        run=max_parts,
        s3="takes 10,000 parts, or `max_parts` of the address",
        otherwise="files have at most 1,000 parts, which are larger; a store that refuses even "
        "these is refused",
    ),
    CapabilityCheck(
        habit="replaces_nothing",
        run=replaces_nothing,
        s3="keeps an object when a PUT says `If-None-Match: *`",
        otherwise="small files are also multipart uploads, which take more calls",
    ),
    CapabilityCheck(
        habit="takes_fewer_parts",
        run=takes_fewer_parts,
        s3="completes an upload that holds more parts than are named",
        otherwise="a resumed file that became shorter is sent again from the start",
    ),
)


async def probe_capabilities(probe: Probe) -> Capabilities:
    """Run all checks concurrently.

    Raises ``ConfigError`` (``store_unsuitable``) for a store that the address does not allow, and
    whatever the client raises. Scratch objects are removed in every case.
    """
    results = await asyncio.gather(
        *(trial.run(probe) for trial in CAPABILITY_CHECKS), return_exceptions=True
    )
    for result in results:
        if isinstance(result, BaseException):
            raise result
    values: dict[str, Any] = {
        check.habit: seen for check, seen in zip(CAPABILITY_CHECKS, results, strict=True)
    }
    expected = replace(Capabilities(), max_parts=probe.address.max_parts or MAX_PARTS)
    for trial in CAPABILITY_CHECKS:
        seen = values[trial.habit]
        if seen == getattr(expected, trial.habit) or values.get(trial.replaced_by or ""):
            continue
        allowed = trial.option is not None and getattr(probe.address, trial.option)
        if trial.refusal is not None and not allowed:
            raise trial.refusal()
        log_it = log.info if trial.refusal is None else log.warning
        log_it("store.differs", habit=trial.habit, found=seen, so=trial.otherwise)
    return Capabilities(**values)
