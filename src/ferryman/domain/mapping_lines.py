"""Mappings to load, as the lines of text that they came in, if these are plain.

Almost all loads are. Checking and writing their lines takes a fraction of the time and memory that
three texts per mapping take.
"""

from collections import Counter
from dataclasses import dataclass

from ferryman.domain.mapping import FORMS, NUMBER, Rows

_WINDOW = 512
"""With a line end in every window, no line, and so no key, is longer than two windows."""

_DIGITS = b"0123456789"
_PLAIN = bytes(set(range(0x21, 0x7F)) - set(b',"\\'))
"""Characters that mean themselves, in CSV and to PostgreSQL: graphic ASCII without blanks."""


@dataclass(slots=True)
class PlainLines:
    """Lines ``namespace,serverKey,cloudKey`` of one namespace, each ended, in ``pieces`` of some.

    No value is empty or longer than a thousand characters, and all are plain.
    """

    namespace: str
    count: int
    pieces: list[bytes]

    def __len__(self) -> int:
        """Return the number of mappings."""
        return self.count

    def names(self) -> set[str]:
        """Return the namespaces."""
        return {self.namespace}

    def counts(self) -> Counter[str]:
        """Return the number of mappings by namespace."""
        return Counter({self.namespace: self.count})

    def rows(self) -> Rows:
        """Return the same mappings column by column."""
        values = b"".join(self.pieces).decode("ascii").replace("\n", ",").split(",")
        values.pop()  # follows the last line end
        return Rows(values[0::3], values[1::3], values[2::3])

    def add(self, others: "PlainLines") -> None:
        """Append lines of the same namespace."""
        self.count += others.count
        self.pieces += others.pieces

    def surely_right(self) -> bool:
        """Return whether no key can be of a wrong form; False if the keys have to be looked at."""
        form = FORMS.get(self.namespace)
        if form is not NUMBER:
            return form is None
        line = f"{self.namespace},,\n".encode().translate(None, _DIGITS)
        return all(
            piece.translate(None, _DIGITS) == line * piece.count(b"\n") for piece in self.pieces
        )


Batch = Rows | PlainLines


def plain_lines(text: bytes) -> PlainLines | None:
    """Return whole lines of CSV if they are plain and of one namespace."""
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n")
    text = text.strip(b"\n") + b"\n"
    count = text.count(b"\n")
    if text.translate(None, _PLAIN) != b",,\n" * count or b",," in text or b",\n" in text:
        return None
    namespace = text.partition(b",")[0]
    if not namespace or text.count(b"\n%b," % namespace) != count - 1:
        return None
    ends = (text.find(b"\n", at, at + _WINDOW) for at in range(0, len(text), _WINDOW))
    if min(ends) < 0:
        return None
    return PlainLines(namespace.decode("ascii"), count, [text])
