"""Rows of a mapping upload: NDJSON or CSV, read as they arrive."""

import csv
from collections.abc import AsyncIterator

import msgspec

from ferryman.errors import Invalid
from ferryman.wire.base import Wire

_LINE_BYTES = 64 << 10


class MappingRow(Wire, frozen=True):
    """One line of NDJSON."""

    namespace: str
    server_key: str
    cloud_key: str


async def read_rows(
    chunks: AsyncIterator[bytes], *, csv_form: bool
) -> AsyncIterator[tuple[str, str, str]]:
    """(namespace, serverKey, cloudKey) of each line; raises :class:`Invalid` with its number."""
    decoder = msgspec.json.Decoder(MappingRow)
    number = 0
    async for line in _lines(chunks):
        number += 1
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901 - as spreadsheets write it
        if not line.strip():
            continue
        try:
            if csv_form:
                values = next(csv.reader([line.decode()], strict=True))
                if number == 1 and values == ["namespace", "serverKey", "cloudKey"]:
                    continue
                namespace, server_key, cloud_key = values
            else:
                row = decoder.decode(line)
                namespace, server_key, cloud_key = row.namespace, row.server_key, row.cloud_key
        except (ValueError, csv.Error, msgspec.DecodeError) as exc:
            raise _bad_line(number, str(exc), csv_form=csv_form) from None
        yield namespace, server_key, cloud_key


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
        if len(rest) > _LINE_BYTES:
            raise _bad_line(0, f"a line of more than {_LINE_BYTES} bytes", csv_form=False)
    if rest:
        yield rest


def _bad_line(number: int, found: str, *, csv_form: bool) -> Invalid:
    form = (
        "namespace,serverKey,cloudKey"
        if csv_form
        else '{"namespace": …, "serverKey": …, "cloudKey": …}'
    )
    return Invalid(
        "mapping_invalid",
        expected=f"lines of the form {form}",
        found=f"{found[:200]} in line {number}",
        fix="Correct the line; nothing was stored. Name CSV by Content-Type: text/csv.",
    )
