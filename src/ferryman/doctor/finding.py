"""What a check found: what is wrong, where, why it matters and how to mend it."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ferryman.wire.base import Wire


class Severity(StrEnum):
    """An error keeps events from arriving or being settled; a warning may be meant so."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Where:
    """A file, as seen from the app's folder, and the line in it; counted from 1."""

    file: str
    line: int | None = None


class Finding(Wire, frozen=True):
    """One mistake. ``check`` is stable: programs may rely on it."""

    severity: Severity
    check: str
    what: str
    file: str
    line: int | None
    why: str
    fix: str


def error(check: str, where: Where, what: str, *, why: str, fix: str) -> Finding:
    """A mistake that keeps the app from working."""
    return _finding(Severity.ERROR, check, where, what, why, fix)


def warning(check: str, where: Where, what: str, *, why: str, fix: str) -> Finding:
    """Something that is likely a mistake, or will be one elsewhere."""
    return _finding(Severity.WARNING, check, where, what, why, fix)


def did_you_mean(text: str, known: Iterable[str], noun: str) -> str:
    """A fix that names the nearest of what there is, or all of it."""
    names = sorted(filter(None, map(str, known)))
    near = difflib.get_close_matches(text[:200], names, n=1, cutoff=0.5)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Name one of: {', '.join(names[:10])}." if names else f"Declare a {noun} of that key."


def _finding(
    severity: Severity, check: str, where: Where, what: str, why: str, fix: str
) -> Finding:
    return Finding(
        severity=severity,
        check=check,
        what=what,
        file=where.file,
        line=where.line,
        why=why,
        fix=fix,
    )
