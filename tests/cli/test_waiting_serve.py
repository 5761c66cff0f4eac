"""``serve`` is begun before its command is known, and becomes it when it is told."""

from pathlib import Path

from ferryman.devtools.processes import Children
from ferryman.server import waiting

SECONDS = 120.0


def test_it_becomes_what_it_is_told(tmp_path: Path) -> None:
    """In its folder, with its variables and output."""
    begun = waiting.begin()
    (tmp_path / "here").mkdir()
    with Children(tmp_path / "processes") as children:
        child = children.start(
            "serve",
            *("--tls-cert", "missing.pem", "--port", "0"),
            cwd=tmp_path / "here",
            env={"FERRYMAN_DATA_DIR": "data", "FERRYMAN_TLS_KEY": "missing.key"},
            kept=True,
            begun=begun,
        )
        assert child.process is begun
        assert begun.wait(SECONDS) == 2
        children.forget(child)
    assert "missing.pem" in child.output()
    assert not (tmp_path / "data").exists()


def test_one_that_has_ended_is_replaced(tmp_path: Path) -> None:
    begun = waiting.begin()
    waiting.end(begun)
    with Children(tmp_path / "processes") as children:
        child = children.start("serve", "--help", cwd=tmp_path, env={}, kept=True, begun=begun)
        assert child.process is not begun
        assert child.process.wait(SECONDS) == 0
        children.forget(child)
    assert "--data-dir" in child.output()


def test_it_ends_with_who_began_it() -> None:
    """Its standard input ends then."""
    begun = waiting.begin()
    assert begun.stdin is not None
    begun.stdin.close()
    assert begun.wait(SECONDS) == 0
