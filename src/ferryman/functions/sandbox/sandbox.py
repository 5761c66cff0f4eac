"""Make sandboxes on this machine."""

from dataclasses import dataclass
from pathlib import Path

from ferryman.functions.launch import HOST
from ferryman.functions.sandbox import limits as sandbox_limits
from ferryman.functions.sandbox.access import Access
from ferryman.functions.sandbox.cgroups import NONE, Cgroups
from ferryman.functions.sandbox.command import View

_OWN_BYTES = 80 << 20
"""Of the two processes that are ours, and of Node.js before it runs anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """How to start a sandbox on this machine, as the probe found it.

    ``user_id`` is the first of the ids for functions if we are root, else 0. ``cgroups`` is
    where a group is made for each function, if anywhere. ``readable`` is shown to all
    functions besides their own source and Python, ``hidden`` never. ``no_node`` is why Node.js does
    not run in it, if that is so.
    """

    program: str = ""
    user_id: int = 0
    cgroups: Cgroups = NONE
    readable: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    scratch_bytes: int = 256 << 20
    private: bool = False
    runtime: tuple[Path, ...] = ()
    rules: bytes = b""
    no_node: str = ""

    def memory_in_sum(self, memory_bytes: int) -> int:
        """Return the most bytes that all processes of a function and its files may use."""
        return _OWN_BYTES + memory_bytes + self.scratch_bytes

    def view(self, source: Path, files: tuple[Path, ...], folder: Path | None) -> View:
        """Return what functions in ``source`` see: ``files`` too, and a ``folder`` to write to."""
        return View(
            source=source,
            readable=(*self.runtime, *self.readable, *files),
            writable=() if folder is None else (folder,),
            hidden=(*self.hidden, source / ".ferryman"),
        )

    def plan(self, access: Access, memory_bytes: int, uid: int) -> dict[str, object]:
        """Return the plan of the first process in the sandbox."""
        watched = 0 if self.cgroups.memory else self.memory_in_sum(memory_bytes)
        here = [address for address in access.addresses if not address.startswith("127.")]
        places: list[tuple[str, int]] = [("0.0.0.0", port) for port in access.ports]  # noqa: S104 - the sandbox's own
        if "::1" in here:
            places += [("::1", port) for port in access.ports]
        return {
            "addresses": [address for address in here if ":" not in address],
            "listen": places,
            "scratch_bytes": self.scratch_bytes,
            "filter": self.rules,
            "limits": sandbox_limits.resource_limits(self.scratch_bytes),
            "uid": uid,
            "memory_in_sum": watched,
            "host": str(HOST),
        }
