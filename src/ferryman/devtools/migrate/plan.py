"""Read plans from files: small descriptions of a migration on a laptop."""

from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path

from ferryman import refusals
from ferryman.errors import ConfigError
from ferryman.functions.document import read_toml
from ferryman.plan import Plan, line_of, read_document

FILE = "plan.toml"


def read_plan(file: Path) -> Plan:
    """Read a plan; raises ``ConfigError`` (``plan_invalid``, ``plan_unreadable``)."""

    def invalid(path: str, expected: str, found: str) -> ConfigError:
        return refusals.plan.INVALID(path=path, expected=expected, file=file, found=found)

    try:
        root = read_toml(file, invalid)
    except OSError as error:
        raise refusals.plan.UNREADABLE(
            file=file, found=error.strerror or type(error).__name__
        ) from None
    plan, faults = read_document({name: each.value for name, each in root.members()})
    if plan is None:
        raise invalid(faults[0].field, faults[0].expected, faults[0].found)
    return plan


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
