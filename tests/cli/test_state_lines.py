"""Lines of a file that ``ferryman state load`` reads: what is refused before the first call."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from ferryman.client.state_lines import check, lines_of
from ferryman.errors import ConfigError

REFUSED = {
    "no text": b'{"key": "\xff"}',
    "cut": b'{"key": "a", "val',
    "a number that JSON lacks": b'{"key": "a", "value": NaN}',
    "half a pair": b'{"key": "a", "value": "\\ud800"}',
    "too deep": b'{"key": "a", "value": ' + b"[" * 100_000,
    "no object": b"[1]",
    "an item that is none": b'{"items": [1]}',
    "another kind": b'{"key": 1}',
}


def read(text: bytes) -> list[tuple[int, str | None]]:
    return [(number, line.key) for number, line in lines_of(BytesIO(text))]


@pytest.mark.parametrize("what", REFUSED)
def test_a_line_that_cannot_be_loaded_is_named(what: str) -> None:
    with pytest.raises(ConfigError, match="state_file_invalid") as refused:
        read(b'{"key": "first"}\n\n' * (not REFUSED[what].startswith(b'{"items')) + REFUSED[what])
    number = 1 if "items" in REFUSED[what].decode("latin-1") else 2
    assert f"in line or item {number}" in str(refused.value)


def test_a_document_is_its_items_if_nothing_follows() -> None:
    document = b'\n{"items": [{"key": "a"}, {"key": "b"}], "nextCursor": null}\n\n'
    assert read(document) == [(1, "a"), (2, "b")]
    assert read(b'{"items": [], "key": "a"}\n{"key": "b"}\r\n') == [(1, "a"), (2, "b")]
    assert read(b"") == []


def test_files_are_those_of_the_folder_alone(tmp_path: Path) -> None:
    """A list that came from elsewhere must not send what else is on this machine."""
    folder, outside = tmp_path / "export", tmp_path / "secret"
    (folder / "objects").mkdir(parents=True)
    outside.write_text("swordfish")
    (folder / "objects" / "1").write_text("harbour")
    (folder / "inside").symlink_to("objects/1")
    (folder / "outside").symlink_to(outside)
    (folder / "up").symlink_to("..")

    def checked(file: str, where: Path | None = folder) -> None:
        entry: dict[str, Any] = {"key": "a", "checksum": "x", "file": file}
        for number, line in lines_of(BytesIO(json.dumps(entry).encode())):
            check(number, line, "https://harbour.example", where)

    for right in ("objects/1", "objects/../inside"):
        checked(right)
    for wrong in (
        *("../secret", str(outside), "outside", "up/secret", "objects", "", "nowhere", "a\0b"),
        "objects/1/../../../secret",
    ):
        with pytest.raises(ConfigError, match="state_object_file_missing"):
            checked(wrong)
    with pytest.raises(ConfigError, match="state_object_file_missing"):
        checked("objects/1", None)
