"""Bundle an app's JavaScript or TypeScript into one file with esbuild, and again when it changes.

The app's folder is only read. Packages from npm that run only on Forge are replaced:
``@forge/migrations`` by ``node/migrations.mjs``, others as ``ferryman.toml`` says.
"""

import asyncio
import base64
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ferryman import refusals
from ferryman.errors import Invalid
from ferryman.functions import toolchain
from ferryman.functions.compiler import Compiler
from ferryman.functions.fixtures import ProductFixtures
from ferryman.functions.overrides import FILE, read_overrides
from ferryman.functions.sandbox.sandbox import Sandbox
from ferryman.functions.workspace import why_missing

_BUILD_SECONDS = 25.0
_TIMES = 3
_MESSAGE_CHARACTERS = 2000
# Inputs that no import leads to.
_BESIDE = ("package.json", "tsconfig.json", FILE)
# The bundle is CommonJS, which Node and Forge can load at any time, and has no import.meta.
_BANNER = 'const __ferryman_url = require("node:url").pathToFileURL(__filename).href;'
_ERROR = "✘ [ERROR] "
# The first line of a message; the source lines that esbuild shows below may contain anything.
_UNRESOLVED = re.compile(rf'^{re.escape(_ERROR)}Could not resolve "([^"]+)"', re.MULTILINE)
_ADVICE = re.compile(r"\n\n  You can mark the path .*?(?=\n\n|\Z)", re.DOTALL)

Stamps = frozenset[tuple[str, int, int]]


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundled program; ``inputs`` are the absolute paths of the files that it was built from.

    ``stamps`` are their times and sizes; ``products`` are the URLs in ``ferryman.toml``, and
    ``fixtures`` the answers of other products.
    """

    file: Path
    code: str
    products: dict[str, str]
    inputs: tuple[str, ...]
    stamps: Stamps
    fixtures: dict[str, ProductFixtures] = field(default_factory=dict)

    @property
    def fresh(self) -> bool:
        """Return whether no input has changed."""
        return stamps(self.inputs) == self.stamps


class Bundles:
    """A cache of the newest bundle of each handler's file; each is built once at a time."""

    def __init__(self, sandbox: Sandbox | None = None) -> None:
        self._sandbox = sandbox
        self._made: dict[tuple[Path, Path], Bundle] = {}
        self._locks: dict[tuple[Path, Path], asyncio.Lock] = {}

    async def of(self, source: Path, file: Path) -> Bundle:
        """Return an up-to-date bundle; raise ``Invalid`` with the compiler's output."""
        key = source, file
        async with self._locks.setdefault(key, asyncio.Lock()):
            made = self._made.get(key)
            if made is None or not made.fresh:
                made = self._made[key] = await asyncio.to_thread(
                    bundle, source, file, self._sandbox
                )
            return made


def bundle(source: Path, file: Path, sandbox: Sandbox | None = None) -> Bundle:
    """Build a bundle, which takes at least a tenth of a second and reads all imported files.

    In a ``sandbox`` it can read only files of the source.
    """
    for _ in range(_TIMES):
        with tempfile.TemporaryDirectory(prefix="ferryman-bundle-") as name:
            folder = Path(name)
            began = folder.stat().st_mtime_ns
            try:
                made = _bundle(source, file, folder, sandbox)
            except (OSError, ValueError, LookupError) as error:
                raise refusals.function.ESBUILD_UNUSABLE(found=f"no bundle: {error}") from error
        # By the clock of the file system: no input was written while esbuild read.
        if all(changed < began for _, changed, _ in made.stamps):
            break
    return made


def _bundle(source: Path, file: Path, folder: Path, sandbox: Sandbox | None) -> Bundle:
    overrides = read_overrides(source)
    out, meta = folder / "bundle.js", folder / "meta.json"
    options = (f"--outfile={out}", f"--metafile={meta}", "--sourcemap=external")
    _esbuild(Compiler(source, sandbox, folder), str(file), *options)
    metadata = json.loads(meta.read_bytes())
    inputs = [os.path.join(source, name) for name in metadata["inputs"]]  # noqa: PTH118 - many, fast
    inputs += [str(source / name) for name in _BESIDE]
    inputs += [str(file) for each in overrides.fixtures.values() for file in each.files]
    return Bundle(
        file=file,
        code=out.read_text(encoding="utf-8") + _source_map(folder, folder / "bundle.js.map"),
        products=overrides.products,
        inputs=tuple(inputs),
        stamps=stamps(inputs),
        fixtures=overrides.fixtures,
    )


def check_export(source: Path, file: Path, function: str, sandbox: Sandbox | None = None) -> None:
    """Check, as far as possible without running it, that a file compiles and exports a function.

    Raises ``Invalid``, or ``ConfigError`` if Node or esbuild is missing.
    """
    toolchain.node()
    probe = f"import {{ {function} }} from {json.dumps(str(file))};\nconsole.log({function});"
    try:
        # Exports of CommonJS show only at run time; esbuild knows when that is the case.
        _esbuild(Compiler(source, sandbox), stdin=probe)
    except Invalid as error:
        if "<stdin>:" not in error.found:
            raise
        raise refusals.function.MISSING_IN_JAVASCRIPT(
            function=function,
            file=file.name,
            found=", ".join(_exports(source, file, sandbox)[:10]) or "nothing",
        ) from error


def _exports(source: Path, file: Path, sandbox: Sandbox | None) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="ferryman-bundle-") as name:
        folder, meta = Path(name), Path(name, "meta.json")
        options = (f"--outdir={folder}", f"--metafile={meta}", "--format=esm")
        _esbuild(Compiler(source, sandbox, folder), str(file), *options)
        outputs = json.loads(meta.read_bytes())["outputs"]
    return sorted(name for output in outputs.values() for name in output.get("exports", ()))


def stamps(files: Iterable[str]) -> Stamps:
    """Return name, modification time and size of each file; a missing file has a stamp too."""
    stamped = []
    for name in files:
        try:
            stat = os.stat(name)  # noqa: PTH116 - hundreds of files before every call
            stamped.append((name, stat.st_mtime_ns, stat.st_size))
        except OSError:
            stamped.append((name, 0, -1))
    return frozenset(stamped)


def _esbuild(compiler: Compiler, *arguments: str, stdin: str = "") -> None:
    source = compiler.source
    alias = {"@forge/migrations": toolchain.HERE / "migrations.mjs"}
    alias |= read_overrides(source).alias
    options = [
        *("--bundle", "--platform=node", f"--target=node{toolchain.NODE_MAJOR}", "--format=cjs"),
        *("--keep-names", "--loader:.js=jsx", "--sources-content=false"),
        *("--log-level=error", "--log-limit=10", "--color=false"),
        *(f"--banner:js={_BANNER}", "--define:import.meta.url=__ferryman_url"),
        *(f"--alias:{name}={path}" for name, path in alias.items()),
        *arguments,
    ]
    try:
        done = compiler.run(options, stdin.encode(), _BUILD_SECONDS)
    except subprocess.TimeoutExpired as error:
        outcome = f"esbuild had not finished after {_BUILD_SECONDS:g} s"
        raise _does_not_compile(source, outcome) from error
    except OSError as error:
        raise refusals.function.ESBUILD_UNUSABLE(
            found=f"{toolchain.esbuild()}: {error.strerror or type(error).__name__}"
        ) from error
    if done.returncode != 0:
        output = done.stderr.decode(errors="replace")
        raise _does_not_compile(source, output or f"esbuild ended with {done.returncode}")


def _does_not_compile(source: Path, output: str) -> Invalid:
    modules = [name for name in _UNRESOLVED.findall(output) if not name.startswith((".", "/"))]
    output = _ADVICE.sub("", output.replace(_ERROR, "")).strip()
    if not modules:
        return refusals.function.DOES_NOT_COMPILE(found=output[:_MESSAGE_CHARACTERS])
    for module in modules:
        if outside := why_missing(source, module):
            return refusals.function.MODULE_OUTSIDE(module=module, found=outside)
    return refusals.function.MODULE_MISSING(
        modules=", ".join(dict.fromkeys(modules)),
        found=output[:_MESSAGE_CHARACTERS],
        source=source,
        overrides=FILE,
    )


def _source_map(folder: Path, file: Path) -> str:
    """Return the source map as a comment, with absolute paths."""
    document = json.loads(file.read_bytes())
    real = folder.resolve()
    document["sources"] = [os.path.normpath(real / name) for name in document["sources"]]
    data = base64.b64encode(json.dumps(document).encode()).decode()
    return f"\n//# sourceMappingURL=data:application/json;base64,{data}\n"
