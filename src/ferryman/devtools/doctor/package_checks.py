"""Checks of what an app needs to run: Node.js, the compiler, its package, overrides."""

import re
from collections.abc import Iterator

from ferryman.devtools.doctor.finding import Finding, SourceLine, error, warning
from ferryman.devtools.doctor.location import Location, UnreadableDocument
from ferryman.devtools.doctor.snapshot import AppSnapshot
from ferryman.devtools.doctor.toml_lines import line_of_refusal
from ferryman.functions.overrides import FILE

_STAND_IN = "@forge/migrations"
_DEPENDENCIES = ("dependencies", "devDependencies", "peerDependencies", "optionalDependencies")
_DECORATORS = re.compile(r"\"emitDecoratorMetadata\"\s*:\s*true\b")
_META = re.compile(r"\bimport\.meta\.(?!url\b)[A-Za-z]+")


def node(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that Node.js is installed and not too old."""
    if seen.node is not None:
        yield error(
            seen.node.code,
            seen.root.get("app", "runtime", "name").where,
            f"Expected {seen.node.expected}; found {seen.node.found}.",
            why="Functions in JavaScript or TypeScript need it.",
            fix=seen.node.fix,
        )


def left_out(seen: AppSnapshot) -> Iterator[Finding]:
    """Check for features that work on Forge but that esbuild silently leaves out."""
    match = _DECORATORS.search(seen.typescript.text) if seen.typescript else None
    if seen.typescript and match:
        yield warning(
            "decorator_metadata",
            seen.typescript.where(match.start()),
            "emitDecoratorMetadata is on.",
            why="Ferryman compiles handlers with esbuild, which emits no type metadata: code that "
            "reads design:type, such as dependency injection, finds nothing.",
            fix="Pass the types to the decorators, or compile with tsc and name the compiled "
            "handlers in the manifest.",
        )
    for source in () if seen.on_connect else seen.sources:
        for meta in () if source.python else _META.finditer(source.text):
            yield warning(
                "import_meta",
                source.where(meta.start()),
                f"{meta[0]} is undefined.",
                why="Handlers are bundled as CommonJS, where import.meta has no member except "
                "import.meta.url.",
                fix="Use import.meta.url, or import the file that you want to read.",
            )


def overrides(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that ferryman.toml can be used."""
    if seen.overrides is not None:
        yield error(
            seen.overrides.code,
            SourceLine(FILE, line_of_refusal(seen.overrides_text, seen.overrides)),
            f"Expected {seen.overrides.expected}; found {seen.overrides.found}.",
            why="No handler can be loaded until it is valid.",
            fix=seen.overrides.fix,
        )


def package(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that package.json is valid, and declares @forge/migrations if it is imported."""
    if isinstance(seen.package, UnreadableDocument):
        yield error(
            "package_json_invalid",
            seen.package.where,
            f"package.json cannot be read: {seen.package.reason}.",
            why="npm and esbuild need it.",
            fix="Correct the JSON at this line.",
        )
    if not isinstance(seen.package, Location):
        return
    pattern = re.compile(rf"[\"']{_STAND_IN}[\"']")
    user = next((s for s in seen.sources if not s.python and pattern.search(s.text)), None)
    if user and not _declared(seen.package, _STAND_IN):
        match = pattern.search(user.text)
        yield warning(
            "dependency_not_declared",
            user.where(match.start() if match else 0),
            f"{_STAND_IN} is imported, but package.json does not declare it.",
            why="Ferryman has a stand-in for it, but `forge deploy` needs the package.",
            fix=f'Add "optionalDependencies": {{"{_STAND_IN}": "^2.1.2"}} to package.json; '
            "`npm install` then succeeds even if the registry lacks the package. For TypeScript, "
            "`ferryman app types` writes its types.",
        )


def _declared(package: Location, name: str) -> bool:
    return any(package.get(kind, name).there for kind in _DEPENDENCIES)


def undeclared(seen: AppSnapshot, module: str) -> str:
    """Return the package of a module after a space; nothing if package.json declares it."""
    name = "/".join(module.split("/")[: 2 if module.startswith("@") else 1])
    known = isinstance(seen.package, Location) and _declared(seen.package, name)
    return "" if known else f" {name}"


CHECKS = (node, left_out, overrides, package)
