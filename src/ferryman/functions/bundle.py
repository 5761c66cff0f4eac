"""One file of an app's JavaScript or TypeScript, made by esbuild, and made anew when it changes.

The app's folder is only read. What npm has that only Forge can run is replaced: the package
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
from dataclasses import dataclass
from pathlib import Path

from ferryman.errors import ConfigError, Invalid
from ferryman.functions import toolchain
from ferryman.functions.overrides import FILE, read_overrides

_BUILD_SECONDS = 25.0
_TIMES = 3
_MESSAGE_CHARACTERS = 2000
# Read by npm, esbuild or us, though no import leads to them.
_BESIDE = ("package.json", "tsconfig.json", FILE)
# In CommonJS, which Node and Forge can load in the middle of a program, there is no import.meta.
_BANNER = 'const __ferryman_url = require("node:url").pathToFileURL(__filename).href;'
_ERROR = "✘ [ERROR] "
# The head of a message; below it esbuild shows lines of the sources, which may say anything.
_UNRESOLVED = re.compile(rf'^{re.escape(_ERROR)}Could not resolve "([^"]+)"', re.MULTILINE)
_ADVICE = re.compile(r"\n\n  You can mark the path .*?(?=\n\n|\Z)", re.DOTALL)

Stamps = frozenset[tuple[str, int, int]]


@dataclass(frozen=True, slots=True)
class Bundle:
    """The program, and what it was made of: ``inputs`` are whole paths.

    ``stamps`` are their time and size; ``products`` are the addresses in ``ferryman.toml``.
    """

    file: Path
    code: str
    products: dict[str, str]
    inputs: tuple[str, ...]
    stamps: Stamps

    @property
    def fresh(self) -> bool:
        """Whether making it again would give the same."""
        return stamps(self.inputs) == self.stamps


class Bundles:
    """The newest bundle of each handler's file, each made by one call at a time."""

    def __init__(self) -> None:
        self._made: dict[tuple[Path, Path], Bundle] = {}
        self._locks: dict[tuple[Path, Path], asyncio.Lock] = {}

    async def of(self, source: Path, file: Path) -> Bundle:
        """One that is up to date; ``Invalid`` with the compiler's words if there can be none."""
        key = source, file
        async with self._locks.setdefault(key, asyncio.Lock()):
            made = self._made.get(key)
            if made is None or not made.fresh:
                made = self._made[key] = await asyncio.to_thread(bundle, source, file)
            return made


def bundle(source: Path, file: Path) -> Bundle:
    """Make one; takes a tenth of a second and more, and reads everything that is imported."""
    for _ in range(_TIMES):
        with tempfile.TemporaryDirectory(prefix="ferryman-bundle-") as name:
            folder = Path(name)
            began = folder.stat().st_mtime_ns
            try:
                made = _bundle(source, file, folder)
            except (OSError, ValueError, LookupError) as error:
                raise _unusable(f"no bundle: {error}") from error
        # By the clock that dates the files: nothing was written while esbuild read.
        if all(changed < began for _, changed, _ in made.stamps):
            break
    return made


def _bundle(source: Path, file: Path, folder: Path) -> Bundle:
    overrides = read_overrides(source)
    out, meta = folder / "bundle.js", folder / "meta.json"
    _esbuild(source, str(file), f"--outfile={out}", f"--metafile={meta}", "--sourcemap=external")
    told = json.loads(meta.read_bytes())
    inputs = [os.path.join(source, name) for name in told["inputs"]]  # noqa: PTH118 - many, fast
    inputs += [str(source / name) for name in _BESIDE]
    return Bundle(
        file=file,
        code=out.read_text(encoding="utf-8") + _source_map(folder, folder / "bundle.js.map"),
        products=overrides.products,
        inputs=tuple(inputs),
        stamps=stamps(inputs),
    )


def check_export(source: Path, file: Path, function: str) -> None:
    """See that the file compiles and exports the function, as far as that shows without running.

    Raises ``Invalid``; ``ConfigError`` where Node or esbuild is missing.
    """
    toolchain.node()
    wanted = f"import {{ {function} }} from {json.dumps(str(file))};\nconsole.log({function});"
    try:
        # What CommonJS exports shows only when it runs; esbuild knows when that is the case.
        _esbuild(source, stdin=wanted)
    except Invalid as error:
        if "<stdin>:" not in error.found:
            raise
        raise Invalid(
            "handler_function_missing",
            expected=f"{file.name} to export {function}",
            found=f"it exports {', '.join(_exports(source, file)[:10]) or 'nothing'}",
            fix="Correct the handler in the manifest, or export the function.",
        ) from error


def _exports(source: Path, file: Path) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="ferryman-bundle-") as folder:
        meta = Path(folder, "meta.json")
        _esbuild(source, str(file), f"--outdir={folder}", f"--metafile={meta}", "--format=esm")
        outputs = json.loads(meta.read_bytes())["outputs"]
    return sorted(name for each in outputs.values() for name in each.get("exports", ()))


def stamps(files: Iterable[str]) -> Stamps:
    """Name, time of change and size of each; a file that is not there has a stamp too."""
    found = []
    for name in files:
        try:
            stat = os.stat(name)  # noqa: PTH116 - hundreds of files before every call
            found.append((name, stat.st_mtime_ns, stat.st_size))
        except OSError:
            found.append((name, 0, -1))
    return frozenset(found)


def _esbuild(source: Path, *arguments: str, stdin: str = "") -> None:
    alias = {"@forge/migrations": toolchain.HERE / "migrations.mjs"}
    alias |= read_overrides(source).alias
    command = [
        str(toolchain.esbuild()),
        *("--bundle", "--platform=node", f"--target=node{toolchain.NODE_MAJOR}", "--format=cjs"),
        *("--keep-names", "--loader:.js=jsx", "--sources-content=false"),
        *("--log-level=error", "--log-limit=10", "--color=false"),
        *(f"--banner:js={_BANNER}", "--define:import.meta.url=__ferryman_url"),
        *(f"--alias:{name}={path}" for name, path in alias.items()),
        *arguments,
    ]
    try:
        done = subprocess.run(
            command,
            cwd=source,
            input=stdin.encode(),
            capture_output=True,
            check=False,
            timeout=_BUILD_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        found = f"esbuild had not finished after {_BUILD_SECONDS:g} s"
        raise _does_not_compile(source, found) from error
    except OSError as error:
        raise _unusable(f"{command[0]}: {error.strerror or type(error).__name__}") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace")
        raise _does_not_compile(source, said or f"esbuild ended with {done.returncode}")


def _unusable(found: str) -> ConfigError:
    return ConfigError(
        "esbuild_unusable",
        expected="an esbuild that can be started and writes what it is asked for",
        found=found,
        fix="Correct FERRYMAN_ESBUILD, or remove the folder ferryman of the cache so that it is "
        "installed again.",
    )


def _does_not_compile(source: Path, said: str) -> Invalid:
    modules = [name for name in _UNRESOLVED.findall(said) if not name.startswith((".", "/"))]
    said = _ADVICE.sub("", said.replace(_ERROR, "")).strip()
    if not modules:
        return Invalid(
            "handler_does_not_compile",
            expected="sources that esbuild can make one file of",
            found=said[:_MESSAGE_CHARACTERS],
            fix="Correct the place that it names.",
        )
    return Invalid(
        "handler_module_missing",
        expected=f"every module that is imported; missing: {', '.join(dict.fromkeys(modules))}",
        found=said[:_MESSAGE_CHARACTERS],
        fix=f"Run npm install in {source}, or name a file that stands in for the module under "
        f"[alias] in {FILE}.",
    )


def _source_map(folder: Path, file: Path) -> str:
    """The map as a comment, its sources by whole paths: the bundle pretends to lie elsewhere."""
    document = json.loads(file.read_bytes())
    real = folder.resolve()
    document["sources"] = [os.path.normpath(real / name) for name in document["sources"]]
    data = base64.b64encode(json.dumps(document).encode()).decode()
    return f"\n//# sourceMappingURL=data:application/json;base64,{data}\n"
