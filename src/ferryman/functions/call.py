"""A call of an app's function, and what decides whether a running host can take it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ferryman.functions.bundle import Bundles, Stamps
from ferryman.functions.handler_cache import HandlerCache
from ferryman.functions.program import NodeProgram, Program, PythonProgram
from ferryman.functions.sandbox.access import NOWHERE, Access
from ferryman.functions.source import in_python

# The only variable that changes with every call; a new value does not need a new host.
TOKEN_VARIABLE = "FERRYMAN_TOKEN"  # noqa: S105 - the name, not the token


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionCall:
    """One event for one function.

    ``handler`` is ``file.function`` below ``source``. ``environment`` is all the function sees
    besides PATH and the like. ``timeout``, in seconds, runs from the call of the function.
    ``identity`` is what ``getAppContext()`` of ``@forge/api`` returns: ``appId``, ``environment``
    and ``installationId``, each a bare id. Hosts are never shared between owners: pass the app's id
    as ``owner``. ``printed`` is called with the lines the function prints, as it prints them, and
    ``begun`` once the function is called. ``access`` is the network of a function in a sandbox.
    """

    source: Path
    handler: str
    event: Mapping[str, object]
    context: Mapping[str, object]
    environment: Mapping[str, str]
    timeout: float = 25.0
    owner: str = ""
    identity: Mapping[str, str] = field(default_factory=dict)
    printed: Callable[[str], None] | None = None
    begun: Callable[[], None] = lambda: None
    access: Access = NOWHERE


@dataclass(frozen=True, slots=True)
class HostKey:
    """Two calls of the same key can share a host."""

    owner: str
    file: Path
    function: str
    files: Stamps
    environment: frozenset[tuple[str, str]]
    access: Access
    program: Program = field(compare=False)

    def handles(self, handler: str) -> bool:
        """Return whether this is a host of ``handler`` (``file.function``)."""
        name, _, function = handler.rpartition(".")
        return function == self.function and str(self.file.with_suffix("")).endswith(f"/{name}")


async def host_key(call: FunctionCall, known: HandlerCache, bundles: Bundles) -> HostKey:
    """Return the key of the hosts that can take the call.

    Raises :class:`PlatformError` if the handler cannot be found or bundled.
    """
    handler = known.find(call.source, call.handler)
    source, file, function, files = handler.root, handler.file, handler.function, handler.files
    program: Program
    access = call.access
    if in_python(file):
        program = PythonProgram(source, file, function)
    else:
        bundle = await bundles.of(source, file)
        files, access = bundle.stamps, access.granting(bundle.products.values())
        program = NodeProgram(source, bundle, function)
    environment = {
        name: value for name, value in call.environment.items() if name != TOKEN_VARIABLE
    }
    variables = frozenset(environment.items())
    return HostKey(call.owner, file, function, files, variables, access, program)
