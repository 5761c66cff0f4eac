"""Findings of the checks: what is wrong, where, why it matters and how to fix it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ferryman.domain.near import nearest
from ferryman.wire.base import Wire


class Severity(StrEnum):
    """The severity of a finding: errors stop a migration, warnings may be intended."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A file, relative to the app's folder, and a line in it, counted from 1."""

    file: str
    line: int | None = None


class Finding(Wire, frozen=True):
    """One mistake; ``check`` is a stable code that programs may rely on."""

    severity: Severity
    check: str
    what: str
    file: str
    line: int | None
    why: str
    fix: str


def error(check: str, where: SourceLine, what: str, *, why: str, fix: str) -> Finding:
    """Return a finding that keeps the app from working."""
    return _finding(Severity.ERROR, check, where, what, why, fix)


def warning(check: str, where: SourceLine, what: str, *, why: str, fix: str) -> Finding:
    """Return a finding that is probably a mistake, or becomes one on another platform."""
    return _finding(Severity.WARNING, check, where, what, why, fix)


def did_you_mean(text: str, known: Iterable[str], noun: str) -> str:
    """Return a fix that names the nearest known name, or else the known names."""
    names = sorted(filter(None, map(str, known)))
    if near := nearest(text, names):
        return f"Did you mean {near!r}?"
    return f"Use one of: {', '.join(names[:10])}." if names else f"Declare a {noun} with that key."


def _finding(
    severity: Severity, check: str, where: SourceLine, what: str, why: str, fix: str
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
