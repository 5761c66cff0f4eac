"""Write values as plain text: times, fields, tables, refusals, results."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.cells import cell_len
from rich.filesize import decimal

from ferryman.text import plural
from ferryman.wire.migration import TransferBrief
from ferryman.wire.transfer import TransferSummary, TransferView

Line = tuple[str, str]
"""A text and its style, of a line that is printed."""

_EVENT_PREFIX = "avi:ecosystem.migration:"


def instant(epoch_ms: int | None) -> str | None:
    """Write epoch milliseconds as ISO 8601 in UTC."""
    if epoch_ms is None:
        return None
    at = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def minute(epoch_ms: int | None) -> str | None:
    """Write epoch milliseconds for a list: to the minute, in UTC."""
    return None if epoch_ms is None else f"{datetime.fromtimestamp(epoch_ms / 1000, UTC):%F %R}"


def clean(text: object) -> str:
    """Make text of others safe for a terminal: what is not printable is spelled out."""
    return "".join(
        character
        if character.isprintable() or character in "\n\t"
        else character.encode("unicode_escape").decode()
        for character in str(text)
    )


def field_lines(fields: Mapping[str, object]) -> str:
    """Write one line for each field that has a value, the values beneath each other."""
    known = {name: value for name, value in fields.items() if value is not None}
    width = max(map(len, known), default=0)
    indent = "\n" + " " * (width + 2)
    return "\n".join(
        f"{name:<{width}}  {clean(value).replace(chr(10), indent)}" for name, value in known.items()
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Align columns and cut nothing, so that every id can be copied from any terminal."""
    cells = [[clean("" if cell is None else cell) for cell in row] for row in rows]
    widths = [max(cell_len(row[i]) for row in [list(heads), *cells]) for i in range(len(heads))]

    def line(row: Sequence[str]) -> str:
        padded = (cell + " " * (widths[i] - cell_len(cell)) for i, cell in enumerate(row))
        return "  ".join(padded).rstrip()

    return "\n".join([line(heads), *map(line, cells)])


def pretty_list(names: Sequence[str], most: int) -> str:
    """Name the first few, and say how many more there are."""
    more = len(names) - most
    return clean(", ".join(names[:most]) + (f", and {more} more" if more > 0 else ""))


def refusal_lines(facts: Mapping[str, Any]) -> str:
    """Say what was expected, what was found and what to do; one line where nobody answered."""
    if facts["code"] == "platform_unreachable":
        return clean(f"ferryman: {facts['found']} from {facts['expected']}. {facts['fix']}")
    status = f" ({facts['status']})" if facts["status"] else ""
    three = field_lines({f"  {name}": facts[name] for name in ("expected", "found", "fix")})
    return f"ferryman: {facts['code']}{status}\n{three}"


def refusal_facts(refused: Any, status: int | None = None) -> dict[str, Any]:
    """Return the facts of a refusal, by a command or by the platform with a status."""
    names = ("code", "expected", "found", "fix")
    return {"status": status, **{name: getattr(refused, name) for name in names}}


def event_name(event_type: str) -> str:
    """Return an event's type without the beginning that all of Forge's share."""
    return event_type.removeprefix(_EVENT_PREFIX)


def place(app: str, environment: str, site: str) -> str:
    """Name what every screen names: the app, its environment and the site."""
    return clean(f"{app} ({environment}) on {site}")


def paused_text(view: TransferView) -> str | None:
    """Return since when a transfer is paused, and what time it has left; None if it is not."""
    if view.paused_at is None:
        return None
    left = "" if view.seconds_left is None else f", {view.seconds_left:.0f} s left to the deadline"
    return f"since {instant(view.paused_at)}{left}"


def status_text(view: TransferBrief | TransferSummary) -> str:
    """Return the status of a transfer in a list, and whether it is paused."""
    return view.status if view.paused_at is None else f"{view.status}, paused"


def place_of(view: TransferView) -> str:
    """Name the app, environment and site of a transfer, and the transfer where it has a name."""
    where = place(view.cloud_app_key, view.environment, view.migration_details.cloud_url)
    return f"{where}, {clean(view.transfer_name)}" if view.transfer_name else where


def counts_of(view: TransferView) -> str:
    """Say in one line how much a transfer has done."""
    unfinished = f", {view.unfinished_files} unfinished" if view.unfinished_files else ""
    return (
        f"{plural(view.files, 'file')}{unfinished}, {decimal(view.bytes)}, "
        f"{plural(view.messages, 'message')}, {plural(view.attempts, 'attempt')}, "
        f"{view.acknowledged} acknowledged, "
        f"{view.failed} failed, {view.undelivered} undelivered"
    )


def result_line(view: TransferView) -> str:
    """Say how a transfer ended, and where."""
    return f"{view.status}  {place_of(view)}: {counts_of(view)}"
