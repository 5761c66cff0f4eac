"""The pages of the documentation: their blocks of code, and how a reader would follow them.

A block's first line says what it is: ``sh run`` and ``python run`` are run, ``sh background`` is
left running, ``file=NAME`` is written to a file, ``text output`` is what the run before it
printed, with ``...`` for what differs from run to run. All else is only looked at.
"""

import doctest
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from ferryman.server.serve import free_port

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]

URL = "http://127.0.0.1:8400"
REMOTE_PORT = "8500"
_FENCE = re.compile(r"^```(\S+)?[ ]?([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_DONE = "end of block"
_SAME = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """One fenced block: ``kind`` is what follows the language."""

    language: str
    kind: str
    text: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """The blocks of a page in order, those within comments too."""
    text = page.read_text(encoding="utf-8")
    for found in _FENCE.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield Block(found[1] or "", found[2], found[3], line)


def runs(page: Path) -> bool:
    """Whether anything of a page is run."""
    return any(block.kind in ("run", "background") for block in blocks(page))


class Reader:
    """Follows a page in a shell of its own, in ``folder``, against the platform at ``url``."""

    def __init__(self, folder: Path, url: str, data_dir: Path) -> None:
        self._folder = folder
        self._url = url
        self._remote_port = str(free_port("127.0.0.1"))
        self.said = ""
        self._groups: list[subprocess.Popen[str]] = []
        (folder / ".ferryman").symlink_to(data_dir)
        clean = {k: v for k, v in os.environ.items() if not k.startswith("FERRYMAN_")}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        # A pytest that begins closes the folder of all sessions to other users, as PostgreSQL's.
        own = {"PYTEST_DEBUG_TEMPROOT": str(folder.parent)}
        self._env = {**clean, **own, "PATH": path, "FERRYMAN_URL": url, "COLUMNS": "200"}
        self._shell = self._start("bash", "-euo", "pipefail")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End what is still running, children too."""
        for process in self._groups:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()

    def follow(self, block: Block) -> None:
        """Do what a block is for."""
        text = block.text.replace(URL, self._url).replace(REMOTE_PORT, self._remote_port)
        match block.language, block.kind:
            case "sh", "run":
                self._run(text)
            case "sh", "background":
                self._start("bash", "-euo", "pipefail", "-c", text)
            case "python", "run":
                self._run(f"python - <<'END-OF-PYTHON'\n{text}END-OF-PYTHON\n")
            case "text", "output":
                same = doctest.OutputChecker().check_output(text, self.said, _SAME)
                assert same, f"expected\n{text}\nfound\n{self.said}"
            case _, kind if kind.startswith("file="):
                file = self._folder / kind.removeprefix("file=")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")

    def _run(self, text: str) -> None:
        shell = self._shell
        assert shell.stdin is not None
        assert shell.stdout is not None
        shell.stdin.write(f"{text}\necho '{_DONE}'\n")
        shell.stdin.flush()
        lines: list[str] = []
        for line in shell.stdout:
            lines.append(line.removesuffix(f"{_DONE}\n"))
            if lines[-1] != line:
                self.said = "".join(lines)
                return
        raise AssertionError(f"the shell ended with {shell.wait()}:\n{''.join(lines)}")

    def _start(self, *command: str) -> subprocess.Popen[str]:
        background = "-c" in command
        process = subprocess.Popen(
            command,
            cwd=self._folder,
            env=self._env,
            stdin=subprocess.DEVNULL if background else subprocess.PIPE,
            stdout=subprocess.DEVNULL if background else subprocess.PIPE,
            stderr=subprocess.DEVNULL if background else subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self._groups.append(process)
        return process
