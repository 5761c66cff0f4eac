"""The programs that a host process runs, by language."""

import json
import marshal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ferryman.functions import toolchain
from ferryman.functions.bundle import Bundle
from ferryman.functions.host_channel import LENGTH_BYTES


@dataclass(frozen=True, slots=True)
class PythonProgram:
    """``function`` of ``file``, with ``source`` as the working folder."""

    source: Path
    file: Path
    function: str

    @property
    def readable(self) -> tuple[Path, ...]:
        """Return the files that the program needs besides its source and Python."""
        return ()

    def command(self, memory_bytes: int, *, debugged: bool = False) -> list[str]:  # noqa: ARG002 - the kernel limits it
        """Return the arguments of ``host.py``."""
        return ["python", str(self.source), str(self.file), self.function]

    def first(self) -> Mapping[str, object] | None:
        """Return None, since the host loads the file itself."""
        return None

    def encode(self, request: Mapping[str, object]) -> bytes:
        """Return a request as the host reads it."""
        try:
            data = marshal.dumps(request)  # type: ignore[arg-type]
        except ValueError:  # a subclass of a type that it knows
            data = marshal.dumps(json.loads(json.dumps(request)))
        return len(data).to_bytes(LENGTH_BYTES) + data


@dataclass(frozen=True, slots=True)
class NodeProgram:
    """``function`` of ``bundle``, with ``source`` as the working folder."""

    source: Path
    bundle: Bundle
    function: str

    @property
    def readable(self) -> tuple[Path, ...]:
        """Return the files that the program needs besides its source and Python."""
        return (toolchain.node().resolve(),)

    def command(self, memory_bytes: int, *, debugged: bool = False) -> list[str]:
        """Return the arguments of ``host.py``; raise ``ConfigError`` without a recent Node.js."""
        options = ["--enable-source-maps"]
        if debugged:
            options.append("--inspect-publish-uid=http")  # and not as output of the function
        if memory_bytes:
            # A quarter is left for memory outside the heap, such as buffers.
            options.append(f"--max-old-space-size={max(16, (memory_bytes >> 20) * 3 // 4)}")
        node = toolchain.node()
        own = str(toolchain.reserved(node))
        return ["become", own, str(node), *options, str(toolchain.HERE / "host.cjs")]

    def first(self) -> Mapping[str, object] | None:
        """Return the program, which the first request carries."""
        return {
            "code": self.bundle.code,
            "file": str(self.bundle.file),
            "function": self.function,
            "source": str(self.source),
            "products": self.bundle.products,
            "fixtures": {
                name: {"folder": each.folder, "rows": each.rows}
                for name, each in self.bundle.fixtures.items()
            },
        }

    def encode(self, request: Mapping[str, object]) -> bytes:
        """Return a request as the host reads it."""
        return json.dumps(request).encode() + b"\n"


Program = PythonProgram | NodeProgram
