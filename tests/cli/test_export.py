"""Which files of a folder are sent, and what is said of the others."""

import os
import socket
from pathlib import Path

import pytest

from ferryman.devtools.migrate.export import Export, export_of, left_out_text, summary
from ferryman.errors import ConfigError


def export(root: Path) -> Export:
    return export_of(root, None, {})


def names(root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path, _ in export(root).files]


def refused(root: Path, code: str) -> str:
    with pytest.raises(ConfigError) as caught:
        export(root)
    assert caught.value.code == code
    return caught.value.found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One file to send."""
    root = tmp_path / "e"
    root.mkdir()
    (root / "a.txt").write_text("a")
    return root


def test_what_is_hidden_is_left_out_and_told(folder: Path) -> None:
    """A hidden folder as one; a long list is counted and cut."""
    (folder / ".sub").mkdir()
    (folder / ".sub" / "c").write_text("c")
    for number in range(9):
        (folder / f".part-{number}").write_text("p")
    assert names(folder) == ["a.txt"]
    left_out = export(folder).left_out
    assert len(left_out) == 10
    said = left_out_text(left_out)
    assert said.startswith("10 (its name begins with a dot): .part-0, .part-1")
    assert said.endswith(", and 5 more")
    assert summary(left_out)["count"] == 10
    assert ".sub/" in [each.path for each in left_out]


def test_a_name_that_is_given_is_sent(folder: Path) -> None:
    """A hidden file, and a hidden folder as the root."""
    (folder / ".part").write_text("p")
    assert export(folder / ".part").files == ((folder / ".part", ".part"),)
    hidden = folder / ".sub"
    hidden.mkdir()
    (hidden / "c").write_text("c")
    assert names(hidden) == ["c"]


def test_only_hidden_files_are_nothing_to_send(folder: Path) -> None:
    """And that they are left out is said."""
    (folder / "a.txt").rename(folder / ".a.txt")
    assert ".a.txt" in refused(folder, "files_missing")
    assert refused(folder / "none", "files_missing") == "no such folder"


def test_links_are_followed(folder: Path) -> None:
    """To files and to folders, each as it is called here."""
    other = folder.parent / "other"
    other.mkdir()
    (other / "b.txt").write_text("b")
    (folder / "linked").symlink_to(other)
    (folder / "one.txt").symlink_to(other / "b.txt")
    assert names(folder) == ["a.txt", "linked/b.txt", "one.txt"]
    assert dict(export(folder).files)[folder / "linked" / "b.txt"] == "linked"


@pytest.mark.parametrize("deep", [False, True])
def test_a_link_that_leads_back_is_refused(folder: Path, deep: bool) -> None:
    """Not followed for ever."""
    inner = folder / "x" / "y" if deep else folder
    inner.mkdir(parents=True, exist_ok=True)
    (inner / "loop").symlink_to(folder)
    assert "a link to a folder that it is in" in refused(folder, "files_unsendable")


def test_what_is_no_file_is_refused_by_name(folder: Path) -> None:
    """Before anything starts: pipes, sockets, links that lead nowhere, names that are no text."""
    os.mkfifo(folder / "pipe")
    (folder / "broken").symlink_to(folder / "none")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "s"))
        found = refused(folder, "files_unsendable")
    (folder / "s").unlink()
    assert found == "broken (a link that leads nowhere), pipe (a named pipe), s (a socket)"
    assert "a named pipe" in refused(folder / "pipe", "files_unsendable")
    assert "leads nowhere" in refused(folder / "broken", "files_unsendable")
    (folder / "pipe").unlink()
    (folder / "broken").unlink()
    odd = folder / os.fsdecode(b"d\xff")
    odd.mkdir()
    (odd / "x").write_text("x")
    assert "its name is not UTF-8" in refused(folder, "files_unsendable")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_cannot_be_read_is_refused(folder: Path) -> None:
    """A folder that cannot be listed is not an empty one."""
    (folder / "closed").mkdir(mode=0o000)
    assert "closed/ (cannot be read" in refused(folder, "files_unsendable")
