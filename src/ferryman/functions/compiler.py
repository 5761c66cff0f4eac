"""Start esbuild, in a sandbox of its own where functions have one.

It reads all files that an app's sources import, so without a sandbox an app could bundle any file
that the worker's user can read. In the sandbox it sees the source and the packages of its
workspace.
"""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ferryman import time_slice
from ferryman.functions import toolchain, workspace
from ferryman.functions.sandbox.command import View, bundler_command
from ferryman.functions.sandbox.sandbox import Sandbox

_MEMORY_BYTES = 1 << 30
_ADDRESSES_BYTES = 4 << 30
"""Go reserves more than it uses; this bounds it where no cgroup can be made."""
_OUTPUT_BYTES = 256 << 20
_BOUNDED = f'ulimit -v {_ADDRESSES_BYTES >> 10} && ulimit -f {_OUTPUT_BYTES >> 9} && exec "$@"'
_PATH = {"PATH": "/nonexistent"}


@dataclass(frozen=True, slots=True)
class Compiler:
    """Runs esbuild on ``source``; what it writes goes to ``output``."""

    source: Path
    sandbox: Sandbox | None = None
    output: Path | None = None

    def run(
        self, options: list[str], text: bytes, seconds: float
    ) -> "subprocess.CompletedProcess[bytes]":
        """Return the result for ``text`` as standard input.

        Raises ``OSError`` if it cannot be started, ``TimeoutExpired`` after ``seconds``.
        """
        program = toolchain.esbuild()
        if self.sandbox is None:
            return _run([str(program), *options], text, seconds, cwd=self.source, env=os.environ)
        packages = workspace.readable(self.source)
        view = View(
            source=self.source,
            readable=(toolchain.HERE / "migrations.mjs", *self.sandbox.readable, *packages),
            writable=() if self.output is None else (self.output,),
            hidden=(
                *self.sandbox.hidden,
                self.source / ".ferryman",
                *workspace.apps_within(self.source, packages),
            ),
        )
        with ExitStack() as stack:
            group = self.sandbox.cgroups.new(_MEMORY_BYTES)
            stack.callback(group.remove)
            command = bundler_command(self.sandbox.program, view, program, self.sandbox.rules)
            stack.callback(command.close)
            inner = ["/bin/sh", "-c", _BOUNDED, "sh", *command.words, "--", "/esbuild", *options]
            words = group.joining(inner)
            return _run(words, text, seconds, env=_PATH, pass_fds=command.descriptors)


def _run(
    words: list[str], text: bytes, seconds: float, **how: Any
) -> "subprocess.CompletedProcess[bytes]":

    def run() -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            words, input=text, capture_output=True, check=False, timeout=seconds, **how
        )

    # It computes for an app, so it takes usual turns on the processor, whoever asks for it. The
    # thread that starts a process decides that.
    usual = partial(time_slice.shorten, for_children=False)
    with ThreadPoolExecutor(1, initializer=usual) as thread:
        return thread.submit(run).result()
