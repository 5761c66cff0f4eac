"""One part of an upload: how large it is, and the flow that sends it and knows it stored."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec

from ferryman.sdk.errors import ClientError, TooLargeError
from ferryman.sdk.exchange import Exchange, Flow, NoAnswerError
from ferryman.sdk.operation import Answer, Request, refusal
from ferryman.sdk.operations import server
from ferryman.sdk.resume import held_part
from ferryman.sdk.retry import RETRYABLE
from ferryman.wire.upload import PartRequest, PartUrl, StoredPart, UploadView

log: logging.Logger = logging.getLogger("ferryman.sdk")

MIB = 1024 * 1024

# A signed URL may have expired while a part waited, and a byte may flip on the way: the store
# then refuses, and a new URL and another try fix it. A part refused this often is not fixed.
_TRIES = 4
_THERE_ALREADY = 412

PART_ALTERED = "part_altered"
"""The code of the error when a store holds other bytes than were sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartPlan:
    """Decides the sizes, in bytes, of the parts of one file.

    The length of a stream is unknown when its first part is sent, and the number of parts is
    limited. So parts grow: each twentieth of the allowed number is larger by one ``first`` than
    the one before. From 8 MiB, with 10,000 parts, 50 GiB is reached with parts of 40 MiB, and
    820 GiB with the last part. If that is less than the largest file, ``first`` is doubled.
    """

    first: int
    smallest: int
    largest: int
    max_parts: int

    @classmethod
    def of(cls, view: UploadView) -> "PartPlan":
        """Plan an upload so that the largest file which the platform allows fits."""
        plan = cls(
            first=max(view.part_size, 1),
            smallest=view.min_part_size,
            largest=max(view.max_part_size, 1),
            max_parts=view.max_parts,
        )
        while plan.room < (view.max_file_size or 0) and plan.first < plan.largest:
            plan = replace(plan, first=min(plan.first * 2, plan.largest))
        return plan

    @property
    def room(self) -> int:
        """The size of a file that uses every part."""
        step = max(self.max_parts // 20, 1)
        starts = range(1, self.max_parts + 1, step)
        return sum(self.size(n) * min(step, self.max_parts + 1 - n) for n in starts)

    def size(self, number: int) -> int:
        """Return the size of part ``number`` (from 1); the last part may be shorter."""
        step = max(self.max_parts // 20, 1)
        grown = self.first * (1 + (number - 1) // step)
        return min(max(grown, self.smallest), self.largest)


def check_file_size(view: UploadView, size: int) -> None:
    """Raise ``GatewayError`` if the platform would refuse a file of ``size`` bytes."""
    most = view.max_file_size
    if most is not None and size > most:
        raise TooLargeError(
            None,
            f"Expected a file of at most {most} bytes, found at least {size}. Export in "
            "several files; labels can carry their order.",
            code="file_too_large",
        )


def md5_of(body: memoryview) -> str:
    """Return the md5 of a part, for stores that check it, as hex."""
    # Not a safeguard: S3 checks the bytes that arrive with it.
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def part_flow(
    exchange: Exchange,
    upload_id: str,
    part: PartRequest,
    body: memoryview,
    url: PartUrl | None = None,
    *,
    compare_etag: bool = False,
    meanwhile: Callable[[], object] | None = None,
) -> Flow[StoredPart]:
    """Ask for the URL of a part and send it there; a refused URL is replaced by a new one.

    Pass ``url`` if the platform has given it already. With ``compare_etag`` the store checks no
    digest, and its etag has to be the md5 of the part. ``meanwhile`` is called now and then while
    the bytes are sent. Raises the exchange's error, with the code ``part_altered`` when the bytes
    changed on the way each time.
    """
    for tries in range(1, _TRIES + 1):
        if url is None:
            place = yield from place_flow(exchange, upload_id, part, None)
            if isinstance(place, StoredPart):
                return place
            url = place
        put = Request(
            method=url.method, url=url.url, headers=url.headers, body=body, meanwhile=meanwhile
        )
        try:
            answer = yield from exchange.deliver(put)
        except NoAnswerError as lost:
            raise exchange.unanswered(put, lost) from lost
        stored = _stored(part, answer)
        altered = compare_etag and stored.etag.strip('"') != part.md5
        if answer.status == 200 and not altered:
            return stored
        if answer.status == _THERE_ALREADY:
            # It arrived before, and the answer was lost: the store replaces nothing.
            state = yield from exchange.call(server.upload_state(upload_id))
            if there := held_part(part, state.parts, None):
                return there
        if answer.status in RETRYABLE:
            break  # for as long as any call is retried: another URL is no help
        url = None
        log.warning(
            "part.refused uploadId=%s number=%d status=%d try=%d",
            upload_id,
            part.number,
            answer.status,
            tries,
        )
    what = f"Part {part.number} of upload {upload_id}"
    if answer.status == 200:
        raise ClientError(
            200,
            f"{what} changed on the way, {_TRIES} times: expected an etag {part.md5}, found "
            f"{stored.etag[:64]!r}. Look for a faulty line, proxy or memory.",
            code=PART_ALTERED,
        )
    raise refusal(answer, what)


def place_flow(
    exchange: Exchange, upload_id: str, part: PartRequest, first_sha256: str | None
) -> Flow[PartUrl | StoredPart]:
    """Ask where to send a part; returns the part itself if the platform has it already.

    It may have a part that an earlier transfer sent, in a file whose first part has the digest
    ``first_sha256``.
    """
    urls = yield from exchange.call(server.part_urls(upload_id, [part], first_sha256))
    for held in urls.held:
        if first_sha256 and (held.number, held.size) == (part.number, part.size):
            return msgspec.structs.replace(held, sha256=part.sha256)
    if len(urls.parts) != 1:
        raise ClientError(200, f"Asked for the URL of one part, got {len(urls.parts)}.")
    return urls.parts[0]


def _stored(part: PartRequest, answer: Answer) -> StoredPart:
    return StoredPart(
        number=part.number,
        etag=answer.headers.get("etag", ""),
        size=part.size,
        sha256=part.sha256,
    )
