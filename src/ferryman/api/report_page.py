"""Write a report as one page: made to be printed, without script, holding the signed JSON."""

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from html import escape

import msgspec

from ferryman.services.report import Report
from ferryman.wire.base import Wire
from ferryman.wire.report import (
    HTML_BEGIN,
    HTML_END,
    HTML_SIGNATURE,
    LineReader,
    ReportAction,
    ReportFailure,
    ReportHead,
    ReportLabel,
    ReportMissing,
    ReportTransfer,
)

_STYLE = """
:root{color-scheme:light dark}
body{font:14px/1.45 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .4rem}
.meta{margin:.2rem 0}table{border-collapse:collapse;width:100%;font-size:.92em}
caption{text-align:left}th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;
border-bottom:1px solid #8886;overflow-wrap:anywhere}td.n,th.n{text-align:right;white-space:nowrap}
th{white-space:nowrap}code{font-size:.92em}.scroll{overflow-x:auto}
@media print{body{margin:0;max-width:none;font-size:10px}h2{break-after:avoid}tr{break-inside:avoid}
thead{display:table-header-group}.scroll{overflow:visible}}
"""

_SECTIONS = {
    "transfers": (
        "Transfers",
        (
            *("App", "Status", "#Files", "#Bytes", "#Messages", "#Done", "#Failed"),
            *("#Given up", "Digests", "Why"),
        ),
    ),
    "labels": (
        "Files by label",
        ("Label", "Transfer", "#Files", "#Bytes", "#Done", "#Failed", "#Given up", "#Deleted"),
    ),
    "missing": ("Mappings that were missing", ("Namespace", "Transfer", "#Keys", "Such as")),
    "failures": (
        "What failed",
        ("Message", "Label", "State", "#Attempts", "Cause", "Error"),
    ),
    "actions": ("Who did what", ("When", "Who", "What", "On", "Change")),
}


def page_lines(report: Report) -> Iterator[bytes]:
    """Yield the page line by line; the last line signs all before it."""
    digest = sha256()
    for line in _all(report):
        digest.update(line)
        yield line
    yield HTML_SIGNATURE + report.sign("html", digest.hexdigest()).encode() + b" -->\n"


def _all(report: Report) -> Iterator[bytes]:
    reader = LineReader()
    report.file.seek(0)
    rows = 0
    for line in report.file:
        match reader.read(line):
            case None:
                break
            case ReportHead() as head:
                yield from _head(head)
                yield _begin("transfers")
            case str() as name:
                yield _end(rows)
                yield _begin(name)
                rows = 0
            case item:
                if isinstance(item, Wire):
                    rows += 1
                    yield _row(_cells(item))
    yield _end(rows)
    yield (
        b'<p class="meta">This page is signed, with the report as JSON within: '
        b"<code>ferryman report verify FILE --key KEYS</code> checks both, offline. "
        b"Keep the file as it was downloaded.</p>\n"
    )
    yield HTML_BEGIN
    yield from report.lines()
    yield HTML_END
    yield b"</main></body></html>\n"


def _head(head: ReportHead) -> Iterator[bytes]:
    plan, totals = head.migration, head.totals
    name = _text(plan.name)
    statuses = ", ".join(f"{count} {_word(word)}" for word, count in totals.statuses.items())
    reread = "Every file was read again for this report." if head.reread else ""
    settled = "" if head.settled else " Transfers were still open, so numbers may change."
    text = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Report of {name}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>{_STYLE}</style></head><body><main>
<h1>Report of the migration <bdi>{name}</bdi></h1>
<p class="meta"><bdi>{_text(plan.source_id)}</bdi> to <bdi>{_text(plan.cloud_url)}</bdi>, \
customer <bdi>{_text(plan.customer)}</bdi>, <code>{plan.migration_id}</code></p>
<p class="meta">Created {_at(plan.created_at)}, started {_at(plan.started_at)}. \
Made {_at(head.made_at)} for <bdi>{_text(head.made_by)}</bdi>.{settled} {reread}</p>
<p class="meta"><strong>{_text(statuses) or "no transfers"}</strong>: {totals.files} files, \
{totals.bytes} bytes; {totals.messages} messages in {totals.attempts} attempts, of which \
{totals.acknowledged} were acknowledged SUCCESS, {totals.failed} FAILED, and \
{totals.undelivered} were given up.</p>
"""
    yield text.encode()


def _begin(name: str) -> bytes:
    title, heads = _SECTIONS[name]
    cells = "".join(
        f'<th scope="col"{" class=n" if each.startswith("#") else ""}>{each.removeprefix("#")}</th>'
        for each in heads
    )
    return (
        f'<section aria-labelledby="{name}"><h2 id="{name}">{title}</h2>'
        f'<div class="scroll" tabindex="0" role="group" aria-labelledby="{name}">'
        f"<table><thead><tr>{cells}</tr></thead><tbody>\n"
    ).encode()


def _end(rows: int) -> bytes:
    none = b"" if rows else b'<tr><td colspan="10">None.</td></tr>'
    return none + b"</tbody></table></div></section>\n"


def _cells(item: Wire) -> list[str | int | None]:
    match item:
        case ReportTransfer():
            name = f" {item.transfer_name}" if item.transfer_name else ""
            app = f"{item.cloud_app_key}{name} ({item.environment}) {item.transfer_id}"
            why = " ".join(filter(None, (item.why, item.cause and f"({item.cause})")))
            counts = (item.files, item.bytes, item.messages, item.acknowledged, item.failed)
            return [app, _word(item.status), *counts, item.undelivered, _digests(item), why]
        case ReportLabel():
            counts = (item.files, item.bytes, item.acknowledged, item.failed, item.undelivered)
            return [item.label, item.transfer_id[:8], *counts, item.deleted]
        case ReportMissing():
            about = item.count if item.exact else f"about {item.count}"
            keys = ", ".join(item.such_as) + (" (wrong form)" if item.wrong_form else "")
            return [item.namespace, item.transfer_id[:8], about, keys]
        case ReportFailure():
            cause = f"{item.cause or ''} {f'HTTP {item.status}' if item.status else ''}".strip()
            state = "acknowledged FAILED" if item.acknowledgement else _word(item.state)
            raised = ": ".join(filter(None, (item.error_class, item.error_message)))
            where = f" at {item.error_frame}" if item.error_frame else ""
            error = (raised + where) or item.reason
            return [item.message_id, item.label, state, item.attempts, cause, error]
        case ReportAction():
            when = datetime.fromtimestamp(item.at / 1000, UTC)
            change = "" if item.after is None else msgspec.json.encode(item.after).decode()
            who = f"{item.actor} ({item.role})"
            return [f"{when:%F %T} UTC", who, item.operation, item.target, change]
        case _:
            raise TypeError(f"no row is known for {type(item).__name__}")


def _digests(item: ReportTransfer) -> str:
    told = item.digests
    parts = [f"{told.sha256} by sha256, {told.parts_sha256} by the digests of their parts"]
    if told.deleted:
        parts.append(f"{told.deleted} deleted since")
    if again := item.reread:
        parts.append(f"read again: {again.proven} proven, {again.differences} different")
        parts += again.such_as
        if again.failure:
            parts.append(again.failure)
    return "; ".join(parts)


def _row(cells: list[str | int | None]) -> bytes:
    told = "".join(
        f'<td class="n">{each}</td>'
        if isinstance(each, int)
        else f"<td><bdi>{_text(each)}</bdi></td>"
        for each in cells
    )
    return f"<tr>{told}</tr>\n".encode()


def _word(status: str) -> str:
    return status.replace("_", " ").lower()


def _text(value: str | None) -> str:
    """Escape text of others; characters that a reader could not see are spelled out."""
    text = value or "-"
    if text.isprintable():
        return escape(text)
    return escape(
        "".join(
            each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
        )
    )


def _at(epoch_ms: int | None) -> str:
    if epoch_ms is None:
        return "never"
    return f"{datetime.fromtimestamp(epoch_ms / 1000, UTC):%F %T} UTC"
