"""``serve`` is begun before its command is known, and becomes it when it is told."""

import os
import signal
from pathlib import Path

import pytest

from ferryman.cli.forks import waiting_serve
from ferryman.devtools.processes import Children
from ferryman.server import waiting
from tests.kit.platform import wait_until

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


def test_one_that_was_told_is_not_killed(tmp_path: Path) -> None:
    """As on a second Ctrl-C: a platform that is killed leaves its database running."""
    with waiting_serve(["dev"]) as begun:
        assert begun is not None
        order = waiting.Order(["--help"], str(tmp_path), {}, str(tmp_path / "serve.log"))
        assert waiting.tell(begun, order)
    assert begun.stdin is not None
    begun.stdin.close()
    assert begun.wait(SECONDS) == 0


def test_one_that_was_told_nothing_is_killed() -> None:
    with waiting_serve(["dev"]) as begun:
        assert begun is not None
    assert begun.returncode == -signal.SIGKILL


def test_names_that_are_no_text_start_another(tmp_path: Path) -> None:
    begun = waiting.begin()
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    with Children(tmp_path / "processes") as children:
        child = children.start("serve", "--help", cwd=folder, env={}, kept=True, begun=begun)
        assert child.process is not begun
        assert begun.returncode is not None
        assert child.process.wait(SECONDS) == 0
        children.forget(child)


def test_it_says_what_it_could_not_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if that was while its command came."""
    (tmp_path / "pydantic_settings.py").write_text(
        "import pathlib, select, sys\n"
        f"if {waiting.WORD!r} in sys.argv:\n"
        f"    pathlib.Path({str(tmp_path / 'importing')!r}).touch()\n"
        "    select.select([0], [], [])\n"
        "raise ImportError('pydantic_settings is broken')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    begun = waiting.begin()
    wait_until((tmp_path / "importing").exists)
    with Children(tmp_path / "processes") as children:
        child = children.start(
            *("serve", "--port", "0", "--data-dir", str(tmp_path / "data")),
            cwd=tmp_path,
            env={},
            kept=True,
            begun=begun,
        )
        assert child.process is begun
        assert begun.wait(SECONDS) != 0
        children.forget(child)
    assert "pydantic_settings is broken" in child.output()
