"""The screenshots of README and docs show the pages as they are."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.platform import PlatformProcess
from tools.harbour import build
from tools.screenshots import FOLDER, HEIGHT, OUTLINE, WIDTH, outlines

ROOT = Path(__file__).parents[2]


@pytest.fixture
def harbour_platform(tmp_path: Path) -> Iterator[PlatformProcess]:
    """A platform that has nothing but the harbour."""
    with PlatformProcess(tmp_path / "data") as platform:
        yield platform


@pytest.mark.timeout(600)
def test_pages_call_things_as_the_screenshots_do(
    harbour_platform: PlatformProcess, tmp_path: Path
) -> None:
    """Columns, fields, buttons and headings: not pixels, and not the data."""
    found = outlines(harbour_platform, build(harbour_platform, tmp_path))
    assert found == json.loads(OUTLINE.read_text()), "make screenshots"


def test_there_is_one_of_each_page_and_all_are_used() -> None:
    names = {*json.loads(OUTLINE.read_text())}
    assert {each.stem for each in FOLDER.glob("*.png")} == names
    for name in names:
        head = (FOLDER / f"{name}.png").read_bytes()[:24]
        size = int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
        assert size == (WIDTH, HEIGHT), name
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    text = "\n".join(each.read_text() for each in pages)
    assert {name for name in names if f"screenshots/{name}.png" in text} == names
