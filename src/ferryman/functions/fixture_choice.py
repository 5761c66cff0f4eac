"""Choose the fixture that answers a call of a product, as ``node/products.cjs`` does in a host."""

import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote

from ferryman.functions.fixtures import ProductFixtures

_KEPT = "/%*:@!$&'()+,;=-._~[]|^\\"
_NAME_CHARACTERS = 60


def fixture_for(fixtures: ProductFixtures, method: str, target: str) -> Mapping[str, object] | None:
    """Return the most exact row for a call of ``target``, path and query; None if none fits."""
    path, _, query = target.partition("?")
    parameters = parse_qsl(query, keep_blank_values=True)
    for row in fixtures.rows:
        if row["method"] == method and _fits(str(row["path"]), path, parameters):
            return row
    return None


def fixture_to_add(fixtures: ProductFixtures, product: str, method: str, target: str) -> str:
    """Return the file and the line that would answer a call."""
    slug = re.sub(r"[^\w]+", "-", target.partition("?")[0], flags=re.ASCII).strip("-")
    name = f"{fixtures.folder.rstrip('/')}/{slug[-_NAME_CHARACTERS:] or product}.json"
    row = {**({} if method == "GET" else {"method": method}), "path": target, "body": {}}
    return f"{name}: {json.dumps(row)}"


def _fits(pattern: str, path: str, parameters: list[tuple[str, str]]) -> bool:
    own, _, query = pattern.partition("?")
    if not _covers(quote(own, safe=_KEPT), path):
        return False
    asked = parse_qsl(query, keep_blank_values=True)
    return all(
        any(name == key and _covers(value, given) for name, given in parameters)
        for key, value in asked
    )


def _covers(pattern: str, text: str) -> bool:
    parts = re.split(r"(\*\*|\*)", pattern)
    wild = {"**": ".*", "*": "[^/]*"}
    return (
        re.fullmatch("".join(wild.get(each) or re.escape(each) for each in parts), text, re.DOTALL)
        is not None
    )
