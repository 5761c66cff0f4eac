"""Test an app against a real platform: what the pytest plugin provides.

The fixtures are in :mod:`ferryman.testing.plugin`, which pytest finds by itself. The names below
are imported when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ferryman.testing.app import TestApp
    from ferryman.testing.migration import TestMigration, assert_settled
    from ferryman.testing.platform import TestPlatform

__all__ = ["TestApp", "TestMigration", "TestPlatform", "assert_settled"]

_HOMES = {
    "TestApp": "ferryman.testing.app",
    "TestMigration": "ferryman.testing.migration",
    "TestPlatform": "ferryman.testing.platform",
    "assert_settled": "ferryman.testing.migration",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'ferryman.testing' has no attribute {name!r}")
    return getattr(import_module(home), name)
