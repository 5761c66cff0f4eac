"""Parse the rows of a mapping upload, NDJSON or CSV, in batches as they arrive."""

import csv
import re
from collections.abc import AsyncIterator, Callable

import msgspec

from ferryman import refusals
from ferryman.domain.mapping import Rows
from ferryman.domain.mapping_lines import Batch, PlainLines, plain_lines
from ferryman.errors import Invalid
from ferryman.wire.base import Wire

_LINE_BYTES = 64 << 10
_BATCH_BYTES = 2 << 20
"""Text per batch: large enough to copy fast, small enough to hold in memory."""

_ENOUGH_BYTES = 256 << 10
"""The size of text at which a batch is passed on."""

_TEXT = bytes(set(range(256)) - set(b",\n"))
"""Every byte that separates neither values nor lines."""

_VALUES = 3
_HEADS = {("namespace", "serverkey", "cloudkey"), ("entitytype", "serverid", "cloudid")}
"""Column names, ours and those of the migration assistants; letters only, in lower case."""

_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}


class MappingRow(Wire, frozen=True):
    """One line of NDJSON."""

    namespace: str
    server_key: str
    cloud_key: str


Columns = tuple[list[str], list[str], list[str]]

_JSON = msgspec.json.Decoder(MappingRow)


async def read_rows(chunks: AsyncIterator[bytes], *, csv_form: bool) -> AsyncIterator[Batch]:
    """Yield batches of rows; raise :class:`Invalid` with the number of the first malformed line."""
    batch: Batch | None = None
    size, number = 0, 0
    async for text in _whole_lines(chunks):
        if len(text) > _LINE_BYTES and b"\n" not in text:
            long = f"a line of more than {_LINE_BYTES} bytes"
            raise _bad_line(number + 1, long, csv_form=csv_form)
        more = _parse(text, number, csv_form=csv_form)
        if batch is not None and _stays_apart(batch, more, size):
            yield batch
            batch, size = None, 0
        batch = more if batch is None else _joined(batch, more)
        number += text.count(b"\n")
        size += len(text)
        if size >= _BATCH_BYTES and len(batch):
            yield batch
            batch, size = None, 0
    if batch is not None and len(batch):
        yield batch


def _stays_apart(batch: Batch, more: Batch, size: int) -> bool:
    """Return whether to write plain lines before a row that cannot be joined with them."""
    return isinstance(batch, PlainLines) and size >= _ENOUGH_BYTES and not _alike(batch, more)


def _joined(batch: Batch, more: Batch) -> Batch:
    """Return both together, as lines if they are alike."""
    if isinstance(batch, PlainLines) and isinstance(more, PlainLines) and _alike(batch, more):
        batch.add(more)
        return batch
    rows, others = batch.rows(), more.rows()
    rows.add(others.namespaces, others.server_keys, others.cloud_keys)
    return rows


def _alike(batch: PlainLines, more: Batch) -> bool:
    return isinstance(more, PlainLines) and more.namespace == batch.namespace


async def _whole_lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Re-chunk the bytes at line ends; stop after a line that is too long, yielding its start."""
    rest = b""
    async for chunk in chunks:
        text, end, rest = (rest + chunk).rpartition(b"\n")
        if end:
            yield text + end
        if len(rest) > _LINE_BYTES:
            break
    if rest:
        yield rest


def _without_head(text: bytes, *, csv_form: bool) -> bytes:
    """Drop a byte order mark, and blank out a CSV header so that line numbers stay correct."""
    text = text.removeprefix(b"\xef\xbb\xbf")
    first, end, rest = text.partition(b"\n")
    return end + rest if csv_form and _is_head(first) else text


def _is_head(line: bytes) -> bool:
    try:
        names = _csv_line(line)
    except (ValueError, csv.Error):
        return False
    return tuple(re.sub(r"[^a-z]", "", name.lower()) for name in names) in _HEADS


def _parse(text: bytes, before: int, *, csv_form: bool) -> Batch:
    """Parse whole lines, which follow that many others."""
    if before == 0:
        text = _without_head(text, csv_form=csv_form)
    if csv_form and (lines := plain_lines(text)) is not None:
        return lines
    fast = _parse_csv if csv_form else _parse_json
    return Rows(*(fast(text) or _line_by_line(text, before, csv_form=csv_form)))


def _parse_json(text: bytes) -> Columns | None:
    """Parse well-formed lines fast; return None if the lines must be parsed one by one."""
    try:
        rows = _JSON.decode_lines(text)
    except (ValueError, msgspec.DecodeError):
        return None
    return (
        [row.namespace for row in rows],
        [row.server_key for row in rows],
        [row.cloud_key for row in rows],
    )


def _parse_csv(text: bytes) -> Columns | None:
    """Parse three unquoted values per line fast; return None if lines must be parsed one by one."""
    body = text.replace(b"\r\n", b"\n").strip(b"\n")
    if b'"' in body or b"\r" in body:
        return None
    if body.translate(None, _TEXT) != b",,\n" * body.count(b"\n") + b",,":
        return None
    try:
        values = body.decode().replace("\n", ",").split(",")
    except UnicodeDecodeError:
        return None
    if b" " in body or b"\t" in body or not body.isascii():
        values = [value.strip() for value in values]
    return values[0::3], values[1::3], values[2::3]


def _line_by_line(text: bytes, before: int, *, csv_form: bool) -> Columns:
    parse: Callable[[bytes], tuple[str, str, str]] = _csv_line if csv_form else _json_line
    rows = []
    for number, line in enumerate(text.split(b"\n"), before + 1):
        if not line.strip():
            continue
        try:
            rows.append(parse(line))
        except (ValueError, csv.Error, msgspec.DecodeError) as exc:
            raise _bad_line(number, str(exc), csv_form=csv_form) from None
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


def _csv_line(line: bytes) -> tuple[str, str, str]:
    """Parse one line of CSV, ignoring blanks around values; keys with blanks need NDJSON."""
    text = line.decode()
    values = next(csv.reader([text], strict=True, skipinitialspace=True))
    if len(values) != _VALUES:
        for separator, name in _OTHER_SEPARATORS.items():
            if len(values) == 1 and text.count(separator) == _VALUES - 1:
                raise ValueError(f"{name} between the values")
        raise ValueError(f"{len(values)} values")
    namespace, server_key, cloud_key = (value.strip() for value in values)
    return namespace, server_key, cloud_key


def _json_line(line: bytes) -> tuple[str, str, str]:
    row = _JSON.decode(line)
    return row.namespace, row.server_key, row.cloud_key


def _bad_line(number: int, found: str, *, csv_form: bool) -> Invalid:
    form = (
        "namespace,serverKey,cloudKey, separated by commas"
        if csv_form
        else '{"namespace": …, "serverKey": …, "cloudKey": …}'
    )
    return refusals.mapping.LINE_INVALID(form=form, found=found, number=number)
