"""A link in a chain of diagnosis: it holds, or it is broken for a named cause."""

from dataclasses import dataclass

from ferryman.domain.diagnosis.causes import CAUSES


@dataclass(frozen=True, slots=True)
class Link:
    """A link of a chain; a broken one has a ``cause``, and the next step in ``fix``.

    One that holds may have a ``fix``, for who expected something else. Causes are stable, so
    programs may rely on them.
    """

    name: str
    holds: bool
    found: str
    fix: str | None = None
    cause: str | None = None


def broken_link(name: str, cause: str, **facts: object) -> Link:
    """Return a link that does not hold, with the texts of its cause."""
    found, fix = CAUSES[cause]
    return Link(
        name=name,
        holds=False,
        cause=cause,
        found=found.format(**facts),
        fix=fix.format(**facts),
    )


def ok_link(name: str, found: str, fix: str | None = None) -> Link:
    """Return a link that holds."""
    return Link(name=name, holds=True, found=found, fix=fix)
