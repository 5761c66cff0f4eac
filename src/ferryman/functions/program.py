"""What a host runs, by language: how it is started and what it is told first."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ferryman.functions import toolchain
from ferryman.functions.bundle import Bundle


@dataclass(frozen=True, slots=True)
class PythonProgram:
    """``function`` of ``file``, with ``source`` as the working folder."""

    source: Path
    file: Path
    function: str

    def command(self, memory_bytes: int) -> list[str]:  # noqa: ARG002 - the kernel limits it
        """What ``host.py`` is to do."""
        return ["python", str(self.source), str(self.file), self.function]

    def first(self) -> Mapping[str, object] | None:
        """Nothing: it loads the file itself."""
        return None


@dataclass(frozen=True, slots=True)
class NodeProgram:
    """``function`` of ``bundle``, with ``source`` as the working folder."""

    source: Path
    bundle: Bundle
    function: str

    def command(self, memory_bytes: int) -> list[str]:
        """What ``host.py`` is to do; ``ConfigError`` without a Node.js that is new enough."""
        options = ["--enable-source-maps"]
        if memory_bytes:
            # A quarter is for what is not on the heap, such as buffers.
            options.append(f"--max-old-space-size={max(16, (memory_bytes >> 20) * 3 // 4)}")
        node = toolchain.node()
        own = str(toolchain.reserved(node))
        return ["become", own, str(node), *options, str(toolchain.HERE / "host.mjs")]

    def first(self) -> Mapping[str, object] | None:
        """The program itself."""
        return {
            "code": self.bundle.code,
            "file": str(self.bundle.file),
            "function": self.function,
            "source": str(self.source),
            "products": self.bundle.products,
        }


Program = PythonProgram | NodeProgram
