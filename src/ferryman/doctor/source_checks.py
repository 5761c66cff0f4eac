"""What can be wrong in the code of an app and in what it needs to run."""

import re
from collections.abc import Iterator
from pathlib import Path

from ferryman.doctor.finding import Finding, Where, error, warning
from ferryman.doctor.place import Broken, Place
from ferryman.doctor.snapshot import Snapshot, Source
from ferryman.errors import PlatformError
from ferryman.functions.source import in_python
from ferryman.vocab import EventType

_SUCCESS = re.compile(
    r"\b(messagesProcessed|messageProcessed|messages_processed|message_processed)\b"
    r"|/message/[^\s'\"`]*/status"
)
_CALL_ALONE = re.compile(
    r"^[ \t]*(?:[\w$]+\.)*([\w$]+)\.(messageProcessed|messageFailed|addLog)\(", re.MULTILINE
)
# What a file calls the object whose calls have to be awaited.
_CALLED = re.compile(
    r"\bimport\s+([\w$]+)\s*(?:,[^;'\"]*)?from\s*[\"']@forge/migrations[\"']"
    r"|\bmigration\s*(?:\bas\b|:)\s*([\w$]+)"
)
_OPEN_END = re.compile(r"(?:await|return|=>|[(\[,=&|?:+]|void)\s*$")
_FETCH = re.compile(
    r"(?:\bfetch|\baxios(?:\.\w+)?|\bgot(?:\.\w+)?)\s*\(\s*"
    r"(?:([\"'`])(https?://[^\"'`\s]*)|(?:`\$\{)?\s*([A-Za-z_$][\w$]*)\s*[,)+}])"
)
_HOST = re.compile(r"https?://([^/:?#\s\"'`$]+)")
_STAND_IN = "@forge/migrations"
_MODULE_MISSING = "handler_module_missing"
_UNRESOLVED = re.compile(r'Could not resolve "([^"]+)"\s+([^\n]+?):(\d+):\d+:')
_FAILS = "Every event that goes to this function fails, is tried five times and given up."
_PLACE = re.compile(r"([\w./@-]+\.(?:jsx?|mjs|cjs|tsx?|toml)):(\d+)")
_DECORATORS = re.compile(r"\"emitDecoratorMetadata\"\s*:\s*true\b")
_META = re.compile(r"\bimport\.meta\.(?!url\b)[A-Za-z]+")
_LINE = re.compile(r"line (\d+)")


def handlers(seen: Snapshot) -> Iterator[Finding]:
    """A handler whose file or function is not there, or does not compile."""
    for function in seen.functions_used():
        place = function.get("handler")
        handler = seen.handlers.get(place.text)
        refusal = handler.refusal if handler is not None else None
        if refusal is None or refusal.code.startswith(("node_", "alias_", "overrides_")):
            continue  # told of once, not for each handler
        if refusal.code == _MODULE_MISSING and _UNRESOLVED.search(refusal.found):
            continue  # told of for each module
        file = handler.file if handler is not None else None
        yield error(
            refusal.code,
            _where(refusal, file) or place.where,
            f"The handler {place.text!r}: expected {refusal.expected}; found {refusal.found}.",
            why=_FAILS,
            fix=refusal.fix,
        )


def refused_at_deploy(seen: Snapshot) -> Iterator[Finding]:
    """A handler in JavaScript that runs here, in a file that Forge's validator does not take."""
    for function in seen.functions_used():
        place = function.get("handler")
        handler = seen.handlers.get(place.text)
        file = handler.file if handler is not None else None
        if file is None or in_python(Path(file)):
            continue
        moved = file if file.startswith("src/") else f"src/{file}"
        named = f"{moved.removesuffix('.mjs')}.js" if moved.endswith(".mjs") else moved
        if named != file:
            yield warning(
                "handler_refused_at_deploy",
                place.where,
                f"The handler {place.text!r} is in {file}.",
                why="It runs here; `forge deploy` takes a handler only below src, as .js, .jsx, "
                ".cjs, .ts or .tsx, and not as .mjs.",
                fix=f"Move the file to {named}.",
            )


def acknowledgement(seen: Snapshot) -> Iterator[Finding]:
    """Files that are never said to be processed."""
    uploads = [
        event
        for trigger in seen.migration_triggers()
        if trigger.get("function").there
        for event in trigger.get("events").items()
        if event.text == EventType.UPLOADED
    ]
    if uploads and seen.sources and not seen.matches(_says_done):
        yield error(
            "never_acknowledged",
            uploads[0].where,
            "No source of the app calls messageProcessed (message_processed in Python).",
            why="Each uploaded file must be acknowledged; a transfer with one that is not times "
            "out 15 minutes after the last sign of life (forge-events).",
            fix="Call await migration.messageProcessed(event.transferId, event.messageId) once "
            "the file is imported.",
        )


def not_awaited(seen: Snapshot) -> Iterator[Finding]:
    """Calls whose promise nobody waits for."""
    for source in seen.sources:
        if source.python:
            continue
        names = {"migration", *(name for pair in _CALLED.findall(source.text) for name in pair)}
        for found in _CALL_ALONE.finditer(source.text):
            alone = not _OPEN_END.search(source.text[: found.start()].rstrip()[-40:])
            if found[1] in names and alone:
                yield warning(
                    "not_awaited",
                    source.where(found.start(2)),
                    f"{found[2]} is called without await.",
                    why="The process may be ended as soon as the handler returns, with the call "
                    "still on its way; and what it throws is lost.",
                    fix="Write await before it, or return its promise.",
                )


def modules(seen: Snapshot) -> Iterator[Finding]:
    """Modules that a handler reaches, and that are not there: esbuild says which, and where."""
    for function in seen.functions_used():
        handler = seen.handlers.get(function.get("handler").text)
        refusal = handler.refusal if handler is not None else None
        if refusal is None or refusal.code != _MODULE_MISSING:
            continue
        for found in _UNRESOLVED.finditer(refusal.found):
            name, where = found[1], Where(found[2], int(found[3]))
            if name.startswith((".", "/")):
                yield error(
                    "handler_does_not_compile",
                    where,
                    f"There is no file {name!r}.",
                    why=_FAILS,
                    fix="Correct the path.",
                )
                continue
            yield error(
                "module_missing",
                where,
                f"The module {name!r} is not installed, and no alias stands for it.",
                why="The handler does not compile without it, so every event fails.",
                fix="Run npm install in the app's folder, or name a file for it under [alias] in "
                "ferryman.toml.",
            )


def egress(seen: Snapshot) -> Iterator[Finding]:
    """Addresses that Forge would not let the app call."""
    if not seen.root.is_mapping:
        return
    allowed = [_allowed(entry, seen) for entry in _backends(seen)]
    for source in seen.sources:
        if source.python:
            continue
        for found in _FETCH.finditer(source.text):
            url = found[2] or _constant(source, found[3] or "")
            host = _HOST.match(url)
            if host and not any(_covers(pattern, host[1]) for pattern in allowed):
                yield warning(
                    "egress_not_permitted",
                    source.where(found.start()),
                    f"{host[1]} is called, and permissions.external.fetch.backend does not name "
                    "it.",
                    why="It works here; Forge refuses calls to hosts that are not named.",
                    fix=f"Add - address: https://{host[1]} to permissions.external.fetch.backend.",
                )


def node(seen: Snapshot) -> Iterator[Finding]:
    """Node.js that is missing or too old."""
    if seen.node is not None:
        yield error(
            seen.node.code,
            seen.root.get("app", "runtime", "name").where,
            f"Expected {seen.node.expected}; found {seen.node.found}.",
            why="Functions in JavaScript or TypeScript are run by it.",
            fix=seen.node.fix,
        )


def left_out(seen: Snapshot) -> Iterator[Finding]:
    """What a handler would find on Forge, and esbuild leaves out without a word."""
    found = _DECORATORS.search(seen.typescript.text) if seen.typescript else None
    if seen.typescript and found:
        yield warning(
            "decorator_metadata",
            seen.typescript.where(found.start()),
            "emitDecoratorMetadata is on.",
            why="esbuild, which compiles the handlers here, emits no metadata of types: what asks "
            "for design:type, such as an injector of dependencies, finds nothing.",
            fix="Name the types in the decorators, or compile with tsc and let the manifest name "
            "the compiled handlers.",
        )
    for source in () if seen.on_connect else seen.sources:
        for meta in () if source.python else _META.finditer(source.text):
            yield warning(
                "import_meta",
                source.where(meta.start()),
                f"{meta[0]} is undefined here.",
                why="Handlers are bundled as CommonJS, which has import.meta.url and no other "
                "member of import.meta.",
                fix="Take import.meta.url, or import the file that is to be read.",
            )


def overrides(seen: Snapshot) -> Iterator[Finding]:
    """A ferryman.toml that cannot be used."""
    if seen.overrides is not None:
        yield error(
            seen.overrides.code,
            Where("ferryman.toml"),
            f"Expected {seen.overrides.expected}; found {seen.overrides.found}.",
            why="No handler is loaded while it is wrong.",
            fix=seen.overrides.fix,
        )


def package(seen: Snapshot) -> Iterator[Finding]:
    """A package.json that npm cannot read, or that leaves out what is imported."""
    if isinstance(seen.package, Broken):
        yield error(
            "package_json_invalid",
            seen.package.where,
            f"package.json cannot be read: {seen.package.reason}.",
            why="npm and esbuild read it.",
            fix="Correct the JSON at this line.",
        )
    if not isinstance(seen.package, Place):
        return
    wanted = re.compile(rf"[\"']{_STAND_IN}[\"']")
    user = next((s for s in seen.sources if not s.python and wanted.search(s.text)), None)
    names = ("dependencies", "devDependencies", "peerDependencies")
    if user and not any(seen.package.get(name, _STAND_IN).there for name in names):
        found = wanted.search(user.text)
        yield warning(
            "dependency_not_declared",
            user.where(found.start() if found else 0),
            f"{_STAND_IN} is imported, and package.json does not name it.",
            why="Ferryman has a stand-in for it; `forge deploy` needs the package.",
            fix=f"Run npm install {_STAND_IN}.",
        )


def _says_done(source: Source) -> bool:
    return _SUCCESS.search(source.text) is not None


def _where(refusal: PlatformError, file: str | None) -> Where | None:
    if place := _PLACE.search(refusal.found):
        return Where(place[1], int(place[2]))
    line = _LINE.search(refusal.found)
    if file is None:
        return None
    return Where(file, int(line[1]) if line else None)


def _backends(seen: Snapshot) -> list[Place]:
    return seen.root.get("permissions", "external", "fetch", "backend").items()


def _allowed(entry: Place, seen: Snapshot) -> str:
    """The host of an entry: an address, as a text or a member, or the key of a remote."""
    if remote := entry.get("remote").text:
        bases = (each for each in seen.entries("remotes") if each.get("key").text == remote)
        return _host(next((each.get("baseUrl").text for each in bases), ""))
    return _host(entry.text or entry.get("address").text)


def _host(address: str) -> str:
    return re.sub(r"^\w+://", "", address).partition("/")[0].partition(":")[0]


def _covers(pattern: str, host: str) -> bool:
    if pattern.startswith("*"):
        return host.endswith(pattern[1:])
    return pattern == host


def _constant(source: Source, name: str) -> str:
    """The address that a name stands for, where the same file says so."""
    found = re.search(
        rf"\b(?:const|let|var)\s+{re.escape(name)}\s*=\s*[\"'`](https?://[^\"'`]*)", source.text
    )
    return found[1] if found and name else ""


CHECKS = (
    handlers,
    refused_at_deploy,
    acknowledgement,
    not_awaited,
    modules,
    egress,
    node,
    left_out,
    overrides,
    package,
)
