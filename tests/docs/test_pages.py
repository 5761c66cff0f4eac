"""What the documentation says is so: its code runs, its links lead somewhere."""

import ast
import re
import shutil
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, Reader, blocks, runs
from tests.support import PlatformProcess
from tools.docs import fresh

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
_PATH = re.compile(r"`((?:src|tests|docs|examples|tools|bench)/[^`\s]*)`")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.e2e
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", [*filter(runs, PAGES)], ids=_name)
def test_a_reader_can_follow_the_page(
    page: Path,
    platform_process: PlatformProcess,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Every block that is marked so runs in order, and prints what the page says."""
    text = page.read_text(encoding="utf-8")
    missing = [tool for tool in ("curl", "sha256sum") if tool in text and not shutil.which(tool)]
    if missing:
        pytest.skip(f"not installed here: {', '.join(missing)}")
    if "@forge/migrations" in text:
        request.getfixturevalue("javascript")
    with Reader(tmp_path, platform_process.url, platform_process.data_dir) as reader:
        for block in blocks(page):
            try:
                reader.follow(block)
            except AssertionError as error:
                raise AssertionError(f"{_name(page)}:{block.line}: {error}") from error


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    """Links to files and headings of the repository, and the paths that the text names."""
    text = page.read_text(encoding="utf-8")
    for found in _LINK.finditer(text):
        target = found[1] or found[2]
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        if anchor:
            assert anchor in _anchors(file), target
    for found in _PATH.finditer(text):
        assert (ROOT / found[1]).exists(), found[1]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the API, as Litestar reads it
@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_what_the_code_says_is_up_to_date(page: Path) -> None:
    """Settings, errors, calls and commands; ``python -m tools.docs`` writes them anew."""
    text = page.read_text(encoding="utf-8")
    assert fresh(text) == text, "run: .venv/bin/python -m tools.docs"


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_python_in_a_page_is_python(page: Path) -> None:
    """Also where it is not run; a block that is indented is the middle of something."""
    for block in blocks(page):
        if block.language == "python" and not block.text.startswith(" "):
            ast.parse(block.text)


def _anchors(page: Path) -> set[str]:
    """The names by which headings are linked to, as common forges make them."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
