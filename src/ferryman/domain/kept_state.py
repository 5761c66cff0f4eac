"""Convert an app's data in Forge's services to a form in which two runs compare (ADR 122).

Lines are those of ``ferryman state export``: values, tables with their rows, and objects.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

_TEXT = re.compile(r"(`(?:[^`]|``)*+`?)|'(?:[^'\\]|''|\\.)*+'?", re.DOTALL)
"""Matches names, which stay, and texts, which are taken out first.

What has no end is matched too, so that no text takes longer than its length.
"""

_COLUMN = re.compile(r"^ +`((?:[^`\n]|``)++)` (.*)$", re.MULTILINE)
_MADE = re.compile(
    r"\bAUTO_INCREMENT\b|\bGENERATED ALWAYS\b|\bON UPDATE\b"
    r"|\bDEFAULT [a-z_]+\(|\bDEFAULT \([^()]*[a-z_]\(",
    re.IGNORECASE,
)
_NEXT_NUMBER = re.compile(r" AUTO_INCREMENT=\d+")


def made_by_database(definition: str) -> frozenset[str]:
    """Return the columns that a server fills by itself, by the statement with which it shows them.

    These are counted (``AUTO_INCREMENT``), or computed, or have the current time or an id by
    default. A repeated insert may change them although the app did all right.
    """
    bare = _TEXT.sub(lambda found: found[1] or "''", definition)
    return frozenset(
        name.replace("``", "`") for name, rest in _COLUMN.findall(bare) if _MADE.search(rest)
    )


def comparable(lines: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield each line as JSON, without what may differ between two runs that did the same.

    Times are left out, and columns that the server fills. Tables come before their rows.
    """
    made: dict[object, frozenset[str]] = {}
    for line in lines:
        if "row" in line:
            left_out = made.get(line["table"], frozenset())
            row = {name: cell for name, cell in line["row"].items() if name not in left_out}
            yield _json({"table": line["table"], "row": row})
        elif "table" in line:
            definition = line.get("definition") or ""
            made[line["table"]] = made_by_database(definition)
            text = _NEXT_NUMBER.sub("", definition)
            yield _json({"table": line["table"], "definition": text})
        elif "checksum" in line:
            about = ("key", "cdn", "size", "contentType", "checksumType", "checksum")
            yield _json({"object": [line.get(name) for name in about]})
        else:
            entity = [line["entity"]] if line.get("entity") else []
            yield _json([*entity, line["key"], line.get("secret", False), line.get("value")])


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
