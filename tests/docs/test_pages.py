"""What the documentation says is so: its code runs, its links lead somewhere."""

import ast
import re
import shutil
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, Reader, blocks, blocks_of, hidden, runs, same, untold
from tests.kit.java import agent_jar
from tools.docs import fresh, llms

# What these pages need, pip or npm would download; tests of those packages follow them.
INSTALLING = (
    *("install", "install-in-your-project", "keep-objects-in-forges-store", "use-forges-sql"),
)
FOLLOWED = [page for page in PAGES if runs(page) and page.stem not in INSTALLING]
# Several machines and a standby: `tests/e2e/test_scale_out.py` runs what the page describes.
# An editor: `tests/cli/test_inspect.py` attaches as one does, by the protocols of debuggers.
ELSEWHERE = ("scale-out", "debug-a-function")
GUIDE = ("Before you start", "You should now see", "If it does not work")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
_PATH = re.compile(r"`((?:src|tests|docs|examples|tools|bench)/[^`\s]*)`")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.e2e
@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", FOLLOWED, ids=_name)
def test_a_reader_can_follow_the_page(
    page: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Every block that is marked so runs in order, and prints what the page says."""
    text = page.read_text(encoding="utf-8")
    needed = [tool for tool in ("curl", "sha256sum", "php -S") if tool in text]
    missing = [tool for tool in needed if not shutil.which(tool.split()[0])]
    if missing:
        pytest.skip(f"not installed here: {', '.join(missing)}")
    if "@forge/migrations" in text:
        request.getfixturevalue("javascript")
    if "javac" in text:
        agent_jar()
    with Reader(tmp_path) as reader:
        for block in blocks(page):
            try:
                reader.follow(block)
            except AssertionError as error:
                raise AssertionError(f"{_name(page)}:{block.line}: {error}") from error


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_a_reader_sees_every_step(page: Path) -> None:
    """Nothing is in comments, and the prose names the file or terminal of each block."""
    text = page.read_text(encoding="utf-8")
    assert hidden(text) == []
    assert [*untold(text)] == []


def test_hidden_steps_are_found() -> None:
    """Comments with a block, whatever is around it, and marks that only the test would see."""
    assert hidden("a\n<!-- For the test.\n```sh run\nsleep 1\n```\n-->\nb")
    assert hidden("<!--\ncode: metrics -->")
    assert hidden("<!-- code: metrics -->\n| a |\n<!-- end -->") == []
    assert [*untold("Write:\n```text file=notes.txt\nx\n```")]
    assert [*untold("Start it:\n```sh terminal=dev\nferryman dev\n```")]
    assert [*untold("Write `notes.txt`:\n```text file=notes.txt\nx\n```")] == []


def test_output_that_differs_is_found() -> None:
    """Only what dots stand for may differ."""
    shown = "...\nready on http://127.0.0.1:...\n...\nSUCCESS ... 2 files\n"
    assert same(shown, "ready on http://127.0.0.1:8400\nSUCCESS  a: 2 files\n")
    assert same(shown, "a\n\nready on  http://127.0.0.1:8400\nb\nc\nSUCCESS a: 2 files\n")
    assert not same(shown, "ready on http://127.0.0.1:8400\nFAILED  a: 2 files\n")
    assert not same(shown, "ready on http://127.0.0.1:8400\nSUCCESS a:\n2 files\n")
    assert not same(shown, "ready on http://127.0.0.1:8400\nSUCCESS a: 2 files\nmore\n")
    assert not same("a\n", "")


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "how-to").glob("*.md")), ids=_name)
def test_a_how_to_ends_in_what_the_reader_sees(page: Path) -> None:
    """The headings of a guide in their order; its steps end in output that is compared."""
    text = page.read_text(encoding="utf-8")
    places = [text.find(f"\n## {head}\n") for head in GUIDE]
    assert -1 not in places, f"expected the headings {GUIDE}"
    assert places == sorted(places)
    seen = text[places[1] : places[2]]
    shown = [block.kind for block in blocks_of(seen)]
    compared = any(kind == "output" or kind.startswith("terminal=") for kind in shown)
    assert compared or page.stem in ELSEWHERE, seen


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
    own = {block.kind.removeprefix("file=") for block in blocks_of(text)}
    for found in _PATH.finditer(text):
        assert found[1] in own or (ROOT / found[1]).exists(), found[1]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the API, as Litestar reads it
@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_what_the_code_says_is_up_to_date(page: Path) -> None:
    """Settings, errors, calls and commands; ``python -m tools.docs`` writes them again."""
    text = page.read_text(encoding="utf-8")
    assert fresh(text) == text, "run: .venv/bin/python -m tools.docs"


def test_the_list_for_programs_is_up_to_date() -> None:
    """It has the pages that people are led to, and each is there."""
    text = (ROOT / "llms.txt").read_text(encoding="utf-8")
    assert llms() == text, "run: .venv/bin/python -m tools.docs"
    named = re.findall(r"\]\((docs/[^)]+)\)", text)
    assert len(named) > 40
    assert [each for each in named if not (ROOT / each).is_file()] == []


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
