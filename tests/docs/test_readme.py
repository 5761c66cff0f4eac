"""The first screen. `tests/e2e/test_wheel.py` runs its demo, and `test_pages` the rest."""

from tests.docs.pages import ROOT, blocks

README = ROOT / "README.md"


def test_a_listener_and_a_handler_take_a_dozen_lines() -> None:
    """Short enough for a first screen."""
    code = [block.text for block in blocks(README) if block.language in {"python", "js"}]
    assert len(code) == 2
    for text in code:
        assert len([line for line in text.splitlines() if line.strip()]) <= 14
