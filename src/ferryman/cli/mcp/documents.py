"""Ferryman's documentation and schemas, for an assistant to search and to read."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import ferryman
from ferryman import refusals
from ferryman.devtools.schemas import SchemaName, schema_text

DOCS = "ferryman://docs/"
SCHEMAS = "ferryman://schemas/"
LARGEST = 150_000
"""Most characters of a page."""

_KINDS = ("tutorial", "how-to", "explanation", "reference")
_LINE = 300
_LINES = 5
_WORD = re.compile(r"[\w@.:/-]*\w")
_COMMON = frozenset(
    ("a", "an", "and", "do", "for", "how", "i", "in", "is", "my", "of", "the", "to")
)


@dataclass(frozen=True, slots=True)
class Document:
    """A page or a schema, by its address."""

    address: str
    title: str
    media_type: str
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page, under a heading of it."""

    address: str
    page: str
    heading: str
    text: str


def folder() -> Path:
    """Return the folder of the pages: in the installed package, else beside the sources."""
    package = Path(ferryman.__file__).parent
    inside = package / "docs"
    return inside if inside.is_dir() else package.parents[1] / "docs"


def documents() -> Iterator[Document]:
    """Yield every page, then every schema."""
    for kind in _KINDS:
        for path in sorted((folder() / kind).glob("*.md")):
            text = path.read_text(encoding="utf-8")
            title = text.partition("\n")[0].removeprefix("# ")
            if len(text) > LARGEST:
                text = f"{text[:LARGEST]}\n\n(cut: {len(text)} characters; use search_docs)\n"
            yield Document(f"{DOCS}{kind}/{path.name}", title, "text/markdown", text)
    for name in SchemaName:
        title = f"JSON schema: {name.value}"
        address = f"{SCHEMAS}{name.value}.json"
        yield Document(address, title, "application/schema+json", schema_text(name))


def document(address: str) -> Document:
    """Return one; raises ``ConfigError`` (``tool_document_unknown``) if there is none."""
    for each in documents():
        if each.address == address:
            return each
    raise refusals.tool.DOCUMENT_UNKNOWN(address=address)


def found(text: str, most: int) -> list[Section]:
    """Return the sections that hold most of the words of ``text``, the best first."""
    words = [word for word in _WORD.findall(text.lower()) if word not in _COMMON]
    scored = [
        (score, order, section)
        for order, section in enumerate(_sections())
        if (score := _score(section, words)) > 0
    ]
    scored.sort(key=lambda each: (-each[0], each[1]))
    return [
        Section(section.address, section.page, section.heading, _excerpt(section.text, words))
        for _, _, section in scored[:most]
    ]


def _sections() -> Iterator[Section]:
    for each in documents():
        if each.media_type != "text/markdown":
            continue
        heading, lines, fenced = each.title, list[str](), False
        for line in each.text.splitlines()[1:]:
            fenced ^= line.startswith("```")
            if line.startswith("#") and not fenced:
                yield Section(each.address, each.title, heading, "\n".join(lines))
                heading, lines = line.lstrip("# "), []
            else:
                lines.append(line)
        yield Section(each.address, each.title, heading, "\n".join(lines))


def _score(section: Section, words: list[str]) -> float:
    """Return how well it fits: words in headings count more, and so does having all of them."""
    heads, text = f"{section.page} {section.heading}".lower(), section.text.lower()
    points = [4.0 * (word in heads) + min(text.count(word), 3) for word in words]
    held = sum(point > 0 for point in points)
    return 0 if held * 2 <= len(words) - 1 or not held else sum(points) * (held / len(words)) ** 2


def _excerpt(text: str, words: list[str]) -> str:
    """Return the first lines that hold a word, else the first lines."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("![")]
    holding = [line for line in lines if any(word in line.lower() for word in words)]
    return "\n".join(line[:_LINE] for line in (holding or lines)[:_LINES])
