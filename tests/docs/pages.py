"""The pages of the documentation: their blocks of code, and how a reader would follow them.

What follows the language of a block says what a reader does with it, and the prose before it says
the same: ``sh run`` and ``python run`` are run in the reader's terminal, ``sh terminal=NAME`` in
one more that stays open, ``file=NAME`` is written to a file. ``text output`` is what the run
before it printed; ``text terminal=NAME`` is waited for in that terminal. Both have ``...`` for
what differs from run to run. ``sh root`` and ``text root`` are run and compared in a bare Debian
(``tests/deploy/test_bare_root.py``). All else is only looked at.
"""

import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.kit.forked import scripts
from tests.kit.lean_pytest import FORKED, LEAN
from tests.kit.platform import free_port

ROOT = Path(__file__).parents[2]
VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

PORTS = ("8400", "8500")
DATA_DIR = "/srv/ferryman"
INSTALLED = "/opt/ferryman"
CHECKOUT = "~/ferryman"
_FENCE = re.compile(r"^```(\S+)?[ ]?([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_MARK = re.compile(r"<!-- (code: )?[a-z-]+ -->")
_LISTENS = re.compile(r"\bferryman (?:dev|serve)\b(?!.*--port)")
_DONE = "end of block"
_PATIENCE_SECONDS = 300.0
_STOP_SECONDS = 60.0


@dataclass(frozen=True)
class Block:
    """One fenced block: ``kind`` is what follows the language, ``prose`` what stands before it."""

    language: str
    kind: str
    text: str
    line: int
    prose: str = ""


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page in order."""
    return blocks_of(page.read_text(encoding="utf-8"))


def blocks_of(text: str) -> Iterator[Block]:
    """The blocks of a text in order, each with the prose since the one before it."""
    end = 0
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(found[1] or "", found[2], found[3], line, text[end : found.start()])
        end = found.end()


def hidden(text: str) -> list[str]:
    """The comments of a page, which no reader sees; marks of one name run nothing."""
    return [each for each in _COMMENT.findall(text) if not _MARK.fullmatch(each)]


def untold(text: str) -> Iterator[str]:
    """What the marks of blocks say and the prose before them does not."""
    last = ""
    for block in blocks_of(text):
        mark, _, name = block.kind.partition("=")
        if mark == "file" and f"`{name}`" not in block.prose:
            yield f"{block.line}: the name of the file, `{name}`"
        opens = block.language == "sh" or last != block.kind
        if mark == "terminal" and opens and "terminal" not in block.prose:
            yield f"{block.line}: in which terminal"
        last = block.kind


def runs(page: Path) -> bool:
    """Whether anything of a page is run."""
    return any(block.kind == "run" or block.kind.startswith("terminal=") for block in blocks(page))


class Reader:
    """Follows a page in ``folder``, in terminals of its own.

    Differs from what stands in the page only in ports and in the paths of folders.
    """

    def __init__(
        self, folder: Path, *, checkout: Path = ROOT, env: Mapping[str, str] | None = None
    ) -> None:
        self._folder = folder
        self._paths = {
            DATA_DIR: str(folder / "srv"),
            INSTALLED: str(folder / "opt"),
            CHECKOUT: str(checkout),
        }
        self._ports = {port: str(free_port()) for port in PORTS}
        self.said = ""
        self._terminals: dict[str, tuple[subprocess.Popen[str], Path]] = {}
        clean = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
        folders = [str(Path(sys.executable).parent), os.environ["PATH"]]
        if env is None:
            # What is installed here, but for the seconds that each start takes.
            folders.insert(0, str(scripts()))
        # A pytest that begins closes the folder of all sessions to other users, as PostgreSQL's.
        own = {
            "PYTEST_ADDOPTS": " ".join(FORKED if env is None else LEAN),
            "PYTEST_DEBUG_TEMPROOT": str(folder.parent),
            "XDG_STATE_HOME": str(folder / "state"),
        }
        own["PATH"] = os.pathsep.join(folders)
        self._env = {**clean, **own, "COLUMNS": "200", **(env or {})}
        self._shell = self._start(folder, subprocess.PIPE, "bash", "-euo", "pipefail")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Press Ctrl-C in every terminal, the last one first; what does not end is killed."""
        opened = [process for process, _ in self._terminals.values()]
        for process in (self._shell, *reversed(opened)):
            if process.stdin is not None:
                process.stdin.close()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def follow(self, block: Block) -> None:
        """Do what a block is for."""
        text = self._own(block.text, listens=block.language == "sh")
        kind, _, name = block.kind.partition("=")
        match block.language, kind:
            case "sh", "run":
                self.said = self._run(text)
            case "python", "run":
                self.said = self._run(f"python - <<'END-OF-PYTHON'\n{text}END-OF-PYTHON\n")
            case "sh", "terminal":
                self._open(name, text)
            case "text", "output":
                assert same(text, self.said), f"expected\n{text}\nfound\n{self.said}"
            case "text", "terminal":
                self._await(name, text)
            case _, "file":
                file = self._here() / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")

    def _own(self, text: str, *, listens: bool) -> str:
        """What stands in the page, with the ports and folders of this test."""
        if listens:
            text = _LISTENS.sub(rf"\g<0> --port {PORTS[0]}", text)
        for named, own in (self._ports | self._paths).items():
            text = text.replace(named, own)
        return text

    def _run(self, text: str) -> str:
        """Run it in the reader's terminal; what it printed."""
        shell = self._shell
        assert shell.stdin is not None
        assert shell.stdout is not None
        shell.stdin.write(f"{text}\necho '{_DONE}'\n")
        shell.stdin.flush()
        lines: list[str] = []
        for line in shell.stdout:
            lines.append(line.removesuffix(f"{_DONE}\n"))
            if lines[-1] != line:
                return "".join(lines)
        raise AssertionError(f"the shell ended with {shell.wait()}:\n{''.join(lines)}")

    def _here(self) -> Path:
        """The folder in which the reader is by now."""
        return Path(self._run("pwd").strip())

    def _open(self, name: str, text: str) -> None:
        """Open one more terminal, in the folder in which the reader is."""
        if "ferryman serve" in text:
            # Where commands look for a platform that `serve` runs, but for the port.
            url = f"http://127.0.0.1:{self._ports[PORTS[0]]}"
            self._env["FERRYMAN_URL"] = url
            self._run(f"export FERRYMAN_URL={url}")
        output = self._folder.with_name(f"{self._folder.name}-{name}.txt")
        command = ("bash", "-euo", "pipefail", "-c", text)
        with output.open("w") as out:
            process = self._start(self._here(), out.fileno(), *command)
        self._terminals[name] = (process, output)

    def _await(self, name: str, text: str) -> None:
        process, output = self._terminals[name]
        limit = time.monotonic() + _PATIENCE_SECONDS
        while True:
            ended = process.poll() is not None or time.monotonic() > limit
            said = output.read_text(encoding="utf-8", errors="replace")
            # What it does while it starts is a line that changes in place on a terminal.
            if same(f"...\n{text}", said):
                return
            assert not ended, f"expected in terminal {name}\n{text}\nfound\n{said}"
            time.sleep(0.05)

    def _start(self, folder: Path, output: int, *command: str) -> subprocess.Popen[str]:
        shell = output == subprocess.PIPE
        return subprocess.Popen(
            command,
            cwd=folder,
            env=self._env,
            stdin=subprocess.PIPE if shell else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )


def same(expected: str, found: str) -> bool:
    """Whether the output is what the page shows.

    A line ``...`` stands for any lines or none, ``...`` within a line for anything in it; how much
    white space there is, and blank lines, make no difference.
    """
    lines = [line.split() for line in expected.splitlines() if line.strip()]
    pattern = "".join(
        r"(?:.*\n)*?" if words == ["..."] else f"{_line(' '.join(words))}\n" for words in lines
    )
    printed = (" ".join(line.split()) for line in found.splitlines())
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in printed if line)) is not None


def _line(text: str) -> str:
    return ".*".join(map(re.escape, text.split("...")))
