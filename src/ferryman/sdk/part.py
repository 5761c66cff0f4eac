"""One part on its way, as a flow: asked where it goes, sent there, known to be stored."""

import hashlib
import logging
from collections.abc import Callable

from ferryman.sdk import server_calls
from ferryman.sdk.exchange import Exchange, Flow, NoAnswerError
from ferryman.sdk.operation import Answer, Request, refusal
from ferryman.sdk.resume import held_part
from ferryman.wire.upload import PartRequest, PartUrl, StoredPart

log: logging.Logger = logging.getLogger("ferryman.sdk")

# A signed URL may have expired while a part waited, and a byte may flip on the way: the store
# then refuses, and a new URL and another try mend it. A part refused this often is not mended.
_TRIES = 4
_THERE_ALREADY = 412

PART_ALTERED = "part_altered"
"""The code of the error for a part that a store took with other bytes than were sent."""


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
    """Ask where a part goes and send it there; a refused URL is replaced by a new one.

    ``url`` where the platform has told it already. With ``compare_etag`` the store checks no
    digest, and its etag has to be the md5 of the part. ``meanwhile`` is called now and then while
    the bytes are on their way. Raises the exchange's error, with the code ``part_altered`` when
    the bytes changed on the way each time.
    """
    for tries in range(1, _TRIES + 1):
        url = url or (yield from _where(exchange, upload_id, part))
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
            state = yield from exchange.call(server_calls.upload_state(upload_id))
            if there := held_part(part, state.parts, None):
                return there
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
        raise exchange.error(
            200,
            f"{what} changed on the way, {_TRIES} times: expected an etag {part.md5}, found "
            f"{stored.etag[:64]!r}. Look for a faulty line, proxy or memory.",
            code=PART_ALTERED,
        )
    raise refusal(answer, exchange.error, what)


def _where(exchange: Exchange, upload_id: str, part: PartRequest) -> Flow[PartUrl]:
    urls = yield from exchange.call(server_calls.part_urls(upload_id, [part]))
    if len(urls.parts) != 1:
        raise exchange.error(200, f"Asked for the URL of one part, got {len(urls.parts)}.")
    return urls.parts[0]


def _stored(part: PartRequest, answer: Answer) -> StoredPart:
    return StoredPart(
        number=part.number,
        etag=answer.headers.get("etag", ""),
        size=part.size,
        sha256=part.sha256,
    )
