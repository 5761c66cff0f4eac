"""Read plans: small files that describe a migration on a laptop."""

import re
from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path

import msgspec

from ferryman import refusals
from ferryman.errors import ConfigError
from ferryman.functions.document import read_toml
from ferryman.vocab import ContainerType
from ferryman.wire.migration import Container

FILE = "plan.toml"


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


_KEYS = tuple(name.replace("_", "-") for name in Plan.__struct_fields__)


def read_plan(file: Path) -> Plan:
    """Read a plan; raises ``ConfigError`` (``plan_invalid``, ``plan_unreadable``)."""

    def invalid(path: str, expected: str, found: str) -> ConfigError:
        return refusals.plan.INVALID(
            path=path or "the plan", expected=expected, file=file, found=found
        )

    try:
        root = read_toml(file, invalid)
        root.members(_KEYS)
        plan = msgspec.convert(root.value, Plan)
        for text in plan.containers:
            container_of(text)
    except OSError as error:
        raise refusals.plan.UNREADABLE(
            file=file, found=error.strerror or type(error).__name__
        ) from None
    except msgspec.ValidationError as error:
        raise invalid("", "of the types that `ferryman plan init` shows", str(error)) from None
    except ValueError as error:
        raise invalid("containers", "TYPE:KEY[:NAME] each", str(error)) from None
    return plan


def container_of(text: str) -> Container:
    """Read ``TYPE:KEY[:NAME]``; only a Site needs no key. Raises ``ValueError``."""
    kind, _, rest = text.partition(":")
    key, _, name = rest.partition(":")
    if kind not in list(ContainerType) or not (key or kind == ContainerType.SITE):
        raise ValueError(
            f"expected TYPE:KEY[:NAME] with a TYPE of {', '.join(ContainerType)}; found {text!r}."
        )
    return Container(type=ContainerType(kind), key=key or None, name=name or None)


def line_of(text: str, key: str) -> int | None:
    """Return the line of a plan that sets ``key``, counted from 1."""
    match = re.search(rf"^[ \t]*{re.escape(key)}[ \t]*=", text, re.MULTILINE)
    return text.count("\n", 0, match.start()) + 1 if match else None


def place_of(file: Path, key: str) -> str:
    """Name a line of a plan that was read."""
    number = line_of(file.read_text(encoding="utf-8"), key)
    return f"{file}, line {number}" if number else str(file)


def label_of(path: str, labels: Mapping[str, str]) -> str:
    """Return the label of a file, given by its path within the folder of files."""
    for pattern, label in labels.items():
        if fnmatch(path, pattern) or fnmatch(path.rpartition("/")[2], pattern):
            return label
    folder, _, name = path.rpartition("/")
    return folder.partition("/")[0] or name.partition(".")[0] or name
