"""One row of the catalogue: a code, a class of error and three sentences with placeholders."""

from collections.abc import Iterator
from dataclasses import dataclass
from string import Formatter
from typing import Generic, TypeVar

from ferryman.errors import ConfigError, NotFound, PlatformError

E_co = TypeVar("E_co", bound=PlatformError, covariant=True)


@dataclass(frozen=True, slots=True)
class Refusal(Generic[E_co]):
    """A refusal before its values are known; call it with them to get the error to raise.

    ``expected`` and ``found`` are noun phrases that complete "Expected …; found …"; ``fix`` is a
    sentence or two for the reader. All three are templates of ``str.format``. ``status`` is given
    only where HTTP has a status of its own for the code; else the class decides.
    """

    code: str
    kind: type[E_co]
    expected: str
    found: str
    fix: str
    status: int | None = None

    def __call__(self, **values: object) -> E_co:
        """Return the error, with every placeholder filled in; ``KeyError`` if one is missing."""
        return self.kind(
            self.code,
            expected=self.expected.format(**values),
            found=self.found.format(**values),
            fix=self.fix.format(**values),
        )

    def outline(self) -> E_co:
        """Return the error for documentation, its values shown by their names: ``{limit}``."""
        return self(**{name: _Blank(f"{{{name}}}") for name in self.placeholders})

    @property
    def placeholders(self) -> frozenset[str]:
        """The names of the values that the sentences take."""
        return frozenset(
            name
            for sentence in (self.expected, self.found, self.fix)
            for _, name, _, _ in Formatter().parse(sentence)
            if name is not None
        )


class _Blank(str):
    """A value that shows as its name, whatever the format asks for."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def __format__(self, _spec: str) -> str:
        return str(self)


_FIND_ID = (
    "Take the id from the response or event that announced it. "
    "An app's token sees only that app's data."
)


def not_found(noun: str, fix: str = _FIND_ID) -> Refusal[NotFound]:
    """Return the one answer for an unknown, malformed or foreign id of ``noun``."""
    return Refusal(
        f"{noun.replace(' ', '_')}_not_found",
        NotFound,
        expected=f"an existing {noun} that this token may see",
        found="{id!r:.66}",
        fix=fix,
    )


def start_refusal(code: str, expected: str, found: str, fix: str) -> ConfigError:
    """Return what another process of this platform was refused at its start, word by word."""
    return ConfigError(code, expected=expected, found=found, fix=fix)


def rows_of(table: object) -> Iterator[Refusal[PlatformError]]:
    """Yield the rows of a table module, those of its dictionaries included."""
    for value in vars(table).values():
        if isinstance(value, Refusal):
            yield value
        elif isinstance(value, dict):
            yield from (row for row in value.values() if isinstance(row, Refusal))
