"""Values as text for pages: times, sizes, durations, statuses; text of others made harmless."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape
from msgspec.json import encode
from msgspec.json import format as indented

from ferryman.console.names import check_in_words, kind_in_words, operation_in_words, who
from ferryman.text import two_units

_EVENT_PREFIX = "avi:ecosystem.migration:"
_CUT = 300
_ID = re.compile(
    r"\b([0-9a-f]{8})-[0-9a-f]{4}-([0-9a-f])[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{6}([0-9a-f]{6})\b"
)
_COMMAND = re.compile(r"`([^`]+)`")
NOTHING = "-"
"""Text of a table's cell without a value."""

SHAPES: Mapping[str, tuple[str, str]] = {
    "READY": ("○", "wait"),
    "IN_PROGRESS": ("◐", "run"),
    "CANCELLATION_REQUESTED": ("◐", "warn"),
    "SUCCESS": ("●", "good"),
    "INCOMPLETE": ("▲", "warn"),
    "FAILED": ("✕", "bad"),
    "TIMED_OUT": ("✕", "bad"),
    "CANCELLED": ("■", "wait"),
    "SKIPPED": ("□", "wait"),
    "PENDING": ("◐", "run"),
    "DELIVERED": ("●", "good"),
    "UNDELIVERED": ("✕", "bad"),
    "OPEN": ("✕", "bad"),
    "HALF_OPEN": ("◐", "warn"),
    "COUNTING": ("▲", "warn"),
    "INSTALLED": ("●", "good"),
    "NOT_INSTALLED": ("○", "wait"),
    "UNINSTALLED": ("■", "wait"),
    "NONE": ("○", "wait"),
    "RUNNING": ("◐", "run"),
    "DONE": ("●", "good"),
}
"""The shape and the tone of each status, so that neither colour nor shape says it alone."""


def plain(text: object) -> str:
    """Spell out what a reader could not see, such as control and bidirectional characters."""
    told = str(text)
    if told.isprintable():  # as nearly all are, and a page has thousands
        return told
    return "".join(
        each if each.isprintable() or each in "\n\t" else each.encode("unicode_escape").decode()
        for each in told
    )


def cut(text: object, longest: int = _CUT) -> str:
    """Return the beginning of a text for a cell, on one line."""
    told = plain(text).replace("\n", " ")
    return told if len(told) <= longest else f"{told[:longest]}…"


@lru_cache(maxsize=100)
def status(word: object) -> Markup:
    """Return a status as its shape and its word."""
    name = str(word)
    shape, tone = SHAPES.get(name, ("○", "wait"))
    said = name.replace("_", " ").lower()
    return Markup('<span class="status {}"><span aria-hidden="true">{}</span> {}</span>').format(
        tone, shape, said
    )


def tone(word: object) -> str:
    """Return the tone of a status: good, bad, warn, run or wait."""
    return SHAPES.get(str(word), ("", "wait"))[1]


def instant(epoch_ms: int | None) -> Markup:
    """Return a time, which a script may show in another zone."""
    if epoch_ms is None:
        return Markup('<span class="none">-</span>')
    told = datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(" ", "milliseconds")[:-6]
    # Nothing to escape, here and in the next two: pages have hundreds.
    return Markup(  # noqa: S704
        f'<time datetime="{told[:10]}T{told[11:]}Z" title="{told} UTC">{told[:-4]}</time>'
    )


def minute(epoch_ms: int | None) -> Markup:
    """Return a time to the minute, for lists."""
    if epoch_ms is None:
        return instant(None)
    told = datetime.fromtimestamp(epoch_ms / 1000, UTC).isoformat(" ", "seconds")[:-6]
    day, time = told[:10], told[11:]
    return Markup(  # noqa: S704
        f'<time datetime="{day}T{time}Z" data-form="minute" title="{told} UTC">{told[:-3]}</time>'
    )


def clock_time(epoch_ms: int) -> Markup:
    """Return the time of day, to the millisecond, of an entry among others of one day."""
    at = datetime.fromtimestamp(epoch_ms / 1000, UTC)
    day, _, told = at.isoformat(timespec="milliseconds").removesuffix("+00:00").partition("T")
    return Markup(  # noqa: S704
        f'<time datetime="{day}T{told}Z" data-form="clock" title="{day} {told} UTC">{told}</time>'
    )


def span(ms: float | None) -> str:
    """Return a duration in its two largest units."""
    return NOTHING if ms is None else two_units(ms)


def size(count: int | None) -> str:
    """Return a number of bytes, in binary units."""
    if count is None:
        return NOTHING
    if count < 1024:
        return f"{count} B"
    value = float(count)
    for unit in ("KiB", "MiB", "GiB", "TiB"):
        value /= 1024
        if value < 1024 or unit == "TiB":
            return f"{value:.1f} {unit}" if value < 100 else f"{value:.0f} {unit}"
    raise AssertionError


def count(number: int) -> str:
    """Return a number with its thousands apart."""
    return f"{number:,}".replace(",", "\u202f")


def event(event_type: str) -> str:
    """Return an event's type without the beginning that all of Forge's share."""
    return plain(event_type.removeprefix(_EVENT_PREFIX))


def short(text: str, length: int = 8) -> str:
    """Return the beginning of an id."""
    return text[:length]


def shortened(text: object) -> Markup:
    """Return a finding with its ids as the command line shows them, each whole in its title."""
    told = str(escape(plain(text)))
    return Markup("<bdi>{}</bdi>").format(Markup(_ID.sub(_short_id, told)))  # noqa: S704 - escaped


def _short_id(found: re.Match[str]) -> str:
    # Only ids derived from a transfer's have version 5; they begin like it.
    end = f"..{found[3]}" if found[2] == "5" else ""
    return f'<code class="id" title="{found[0]}">{found[1]}{end}</code>'


def advice(text: object) -> Markup:
    """Return what to do, with its commands apart."""
    told = str(escape(plain(text)))
    return Markup("<bdi>{}</bdi>").format(
        Markup(_COMMAND.sub(r"<code>\1</code>", told))  # noqa: S704 - escaped
    )


def foreign(text: object, longest: int = _CUT) -> Markup:
    """Return text of others for a cell: harmless, cut, and apart in its direction."""
    return Markup(f"<bdi>{escape(cut(text, longest))}</bdi>")  # noqa: S704 - escaped


def block(text: object) -> Markup:
    """Return text of others whole, with its lines."""
    return Markup('<pre tabindex="0"><bdi>{}</bdi></pre>').format(plain(text))


def changes(row: Any) -> str:
    """Summarize the change of a row of the audit log."""
    before, after = row.before or {}, row.after or {}
    told = [
        f"{name} {_brief(before[name])} → {_brief(value)}"
        if name in before
        else f"{name} {_brief(value)}"
        for name, value in after.items()
        if before.get(name) != value
    ]
    return ", ".join(told) or NOTHING


def _brief(value: object) -> str:
    return value if isinstance(value, str) else encode(value).decode()


def as_json(value: object) -> str:
    """Return a value as readable JSON."""
    return indented(encode(value)).decode()


def pretty(text: str) -> str:
    """Return JSON text with its lines apart."""
    return indented(text)


def filters() -> dict[str, Any]:
    """Return the filters of the templates."""
    return {
        "status": status,
        "tone": tone,
        "instant": instant,
        "minute": minute,
        "clock_time": clock_time,
        "span": span,
        "bytes": size,
        "count": count,
        "event": event,
        "kind": kind_in_words,
        "check": check_in_words,
        "operation": operation_in_words,
        "who": who,
        "short": short,
        "foreign": foreign,
        "shortened": shortened,
        "advice": advice,
        "block": block,
        "plain": plain,
        "cut": cut,
        "changes": changes,
        "json": as_json,
        "indented": pretty,
        "e": escape,
    }
