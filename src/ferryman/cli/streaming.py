"""Answers of the admin surface that are read as they come, however long they are."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from urllib3.exceptions import HTTPError

from ferryman.cli.connection import Admin
from ferryman.sdk.errors import ClientError
from ferryman.sdk.exchange import NoAnswerError
from ferryman.sdk.http import UrllibBody, reason_of
from ferryman.sdk.operation import Answer, Request, describe, refusal


@contextmanager
def opened(admin: Admin, request: Request) -> Iterator[Iterator[bytes]]:
    """Give the chunks of an answer; raises ``ClientError``, also when it breaks off."""
    exchange = admin.reading.exchange
    try:
        body = cast("UrllibBody", admin.reading.run(exchange.open(request)))
    except NoAnswerError as lost:
        raise exchange.unanswered(request, lost) from lost
    response = body.response
    try:
        if body.status != 200:
            answer = Answer(status=body.status, headers=body.headers, body=response.read())
            raise refusal(answer, ClientError, describe(request))
        yield response.stream(1 << 16)
    except HTTPError as failure:
        broken = NoAnswerError(reason_of(failure))
        raise exchange.unanswered(request, broken) from broken
    finally:
        response.close()


def lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Cut an answer into its lines; a last one that was cut off is left out."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
