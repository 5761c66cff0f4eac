"""The outline of a page: what it calls things, without the data it shows."""

import re
from collections.abc import Sequence
from html.parser import HTMLParser

_NAMED = frozenset({"h1", "h2", "th", "dt", "label", "button", "summary", "legend"})
_DATA = re.compile(r"\d[\d,.:]*")


def outline(html: str, without: Sequence[str] = ()) -> list[str]:
    """Return the names of headings, columns, fields and buttons, each once; no numbers.

    ``without`` are texts of data, which stand for themselves elsewhere.
    """
    reader = _Reader()
    reader.feed(html)
    return sorted({name for name in reader.names if not any(each in name for each in without)})


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self._open: list[tuple[str, list[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _NAMED:
            self._open.append((tag, []))
        if tag == "section" and (name := dict(attrs).get("aria-label")):
            self.names.add(f"section {name}")

    def handle_data(self, data: str) -> None:
        for _, texts in self._open[-1:]:
            texts.append(data)

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1][0] == tag:
            _, texts = self._open.pop()
            text = " ".join(_DATA.sub("N", "".join(texts)).split())
            if text:
                self.names.add(f"{tag} {text}")
