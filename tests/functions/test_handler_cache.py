"""Handlers are remembered while nothing changes, and no change goes unnoticed."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ferryman.functions.handler_cache import FoundHandler, HandlerCache

LONG_AGO = (1_000_000_000, 1_000_000_000)


def at_rest(folder: Path) -> None:
    """Make everything below a folder look as if it had not changed for years."""
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, LONG_AGO, follow_symlinks=False)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """An app that is found by a link, as deployments have it."""
    for version in ("one", "two"):
        folder = tmp_path / version
        (folder / "package").mkdir(parents=True)
        (folder / "src").mkdir()
        (folder / "index.py").write_text(f"# {version}\n")
        (folder / "package" / "part.py").write_text("")
    link = tmp_path / "current"
    link.symlink_to("one")
    at_rest(tmp_path)
    return link


def relink(source: Path) -> None:
    source.unlink()
    source.symlink_to("two")


CHANGES: dict[str, Callable[[Path], object]] = {
    "its file is written": lambda source: (source / "index.py").write_text("# longer than before"),
    "a module is written": lambda source: (source / "package" / "part.py").write_text("NEW = 1"),
    "a module comes": lambda source: (source / "package" / "more.py").write_text(""),
    "a module goes": lambda source: (source / "package" / "part.py").unlink(),
    "a package comes": lambda source: (source / "src" / "new").mkdir(),
    "its file goes elsewhere": lambda source: (source / "index.py").rename(
        source / "src" / "index.py"
    ),
    "its file becomes another language": lambda source: (source / "index.py").rename(
        source / "index.ts"
    ),
    "the link leads elsewhere": relink,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_noticed(source: Path, change: str) -> None:
    known = HandlerCache()
    before = known.find(source, "index.run")
    assert known.find(source, "index.run") is before
    CHANGES[change](source)
    after = known.find(source, "index.run")
    assert after is not before
    assert after == HandlerCache().find(source, "index.run")


def test_a_folder_that_has_just_changed_is_not_remembered(source: Path) -> None:
    """Another change within the same tick of the file system's clock could not be told."""
    (source / "package" / "more.py").write_text("")
    known = HandlerCache()
    found: list[FoundHandler] = [known.find(source, "index.run") for _ in range(2)]
    assert found[0] == found[1]
    assert found[0] is not found[1]


def test_a_handler_behind_a_link_is_looked_up_each_time(source: Path) -> None:
    """The folder that it leads to is not among those that are watched."""
    (source / "index.py").rename(source / "package" / "index.py")
    (source / "index.py").symlink_to("package/index.py")
    at_rest(source.resolve())
    known = HandlerCache()
    assert known.find(source, "index.run") is not known.find(source, "index.run")
