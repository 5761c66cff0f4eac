"""The rules of plans, `plan.toml`: for the commands that read a file, and for the console.

No IO: a text comes in, and a plan or its faults come out.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Any

import msgspec

from ferryman.vocab import ContainerType
from ferryman.wire.migration import Container, MigrationRequest

_MOST_CHARACTERS = 1 << 18
_MOST_FAULTS = 100
_MOST_PARTS = 32
_PART = r"""(?:[\w-]{1,200}+|"(?:[^"\\\n]|\\.){0,200}+"|'[^'\n]{0,200}+')"""
_LONG_KEY = re.compile(rf"(?<![\w-]){_PART}(?:[ \t]*+\.[ \t]*+{_PART}){{{_MOST_PARTS}}}")
"""A key of many parts: the time and the memory that reading it takes grow with their square.

Of longer parts a text has too few to matter.
"""

_AT = re.compile(r" ?\(at line (\d+), column \d+\)")
_PLACE = re.compile(r" - at `\$[^`]*`")

NAME, SITE, SOURCE = "A try", "https://cloud.example", "server-1"
"""Values of what a plan leaves out."""


class Plan(msgspec.Struct, frozen=True, kw_only=True, rename="kebab", forbid_unknown_fields=True):
    """A plan; ``files`` and ``mappings`` are relative to the folder of the plan."""

    name: str | None = None
    site: str | None = None
    source: str | None = None
    app: str | None = None
    server_app: str | None = None
    forge_app_id: str | None = None
    environment: str | None = None
    containers: list[str] = []
    files: str | None = None
    mappings: str | None = None
    labels: dict[str, str] = {}


_FIELDS = {name.replace("_", "-"): name for name in Plan.__struct_fields__}


@dataclass(frozen=True, slots=True)
class PlanFault:
    """Something wrong with a plan: with one of its fields, or "" with its text."""

    field: str
    expected: str
    found: str
    line: int | None = None


def read_text(text: str) -> tuple[Plan | None, list[PlanFault]]:
    """Read the text of a plan, with or without a byte order mark; return it, or all its faults."""
    if len(text) > _MOST_CHARACTERS:
        return None, [PlanFault("", f"at most {_MOST_CHARACTERS} characters", "more")]
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    if long := _LONG_KEY.search(text):
        told = f"a key of more than {_MOST_PARTS} parts"
        return None, [PlanFault("", "TOML", told, text.count("\n", 0, long.start()) + 1)]
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        told = str(error)
        place = _AT.search(told)
        line = int(place[1]) if place else text.rstrip("\n").count("\n") + 1
        return None, [PlanFault("", "TOML", _AT.sub("", told), line)]
    except ValueError:
        # Of Python itself, which converts only numbers of some length.
        return None, [PlanFault("", "TOML", "a number of too many digits")]
    except RecursionError:
        return None, [PlanFault("", "TOML", "brackets nested too deeply")]
    plan, faults = read_document(document)
    lines = [(fault, line_of(text, fault.field)) for fault in faults]
    return plan, [
        PlanFault(fault.field, fault.expected, fault.found, line) for fault, line in lines
    ]


def read_document(document: Mapping[str, Any]) -> tuple[Plan | None, list[PlanFault]]:
    """Read a plan from what is in its file; return it, or its faults in their order.

    Of very many faults it names the first, and says that there are more.
    """
    each = (fault for field, value in document.items() for fault in _faults(field, value))
    faults = list(islice(each, _MOST_FAULTS + 1))
    if len(faults) > _MOST_FAULTS:
        faults[-1] = PlanFault("", f"at most {_MOST_FAULTS} faults", "more")
    return (None, faults) if faults else (msgspec.convert(dict(document), Plan), [])


def _faults(field: str, value: object) -> Iterator[PlanFault]:
    if field not in _FIELDS:
        near = get_close_matches(field[:64], _FIELDS, n=1, cutoff=0.5)
        hint = f"; the nearest is {near[0]!r}" if near else ""
        yield PlanFault(field, f"one of {', '.join(_FIELDS)}", f"an unknown name{hint}")
        return
    try:
        read = msgspec.convert({field: value}, Plan)
    except msgspec.ValidationError as error:
        told = _PLACE.sub("", str(error))
        yield PlanFault(field, "of the types that `ferryman plan init` shows", told)
        return
    for text in read.containers:
        try:
            container_of(text)
        except ValueError as error:
            yield PlanFault(field, "TYPE:KEY[:NAME] each", str(error))


def container_of(text: str) -> Container:
    """Read ``TYPE:KEY[:NAME]``; only a Site needs no key. Raises ``ValueError``."""
    kind, _, rest = text.partition(":")
    key, _, name = rest.partition(":")
    if kind not in list(ContainerType) or not (key or kind == ContainerType.SITE):
        raise ValueError(
            f"expected TYPE:KEY[:NAME] with a TYPE of {', '.join(ContainerType)}; found {text!r}."
        )
    return Container(type=ContainerType(kind), key=key or None, name=name or None)


def request_of(app: str, plan: Plan) -> MigrationRequest:
    """Return the migration of a plan for ``app``, a key or ``key@environment``."""
    return MigrationRequest(
        name=plan.name or NAME,
        cloud_url=plan.site or SITE,
        source_id=plan.source or SOURCE,
        apps=[app],
        containers=[container_of(text) for text in plan.containers],
    )


def line_of(text: str, key: str) -> int | None:
    """Return the line of a plan that sets ``key``, counted from 1."""
    name = rf"[\"']?{re.escape(key)}[\"']?"
    match = re.search(rf"^[ \t]*\[*[ \t]*{name}[ \t]*[.=\]]", text, re.MULTILINE)
    return text.count("\n", 0, match.start()) + 1 if match and key else None
