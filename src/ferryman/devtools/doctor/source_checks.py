"""Checks of an app's code: handlers, acknowledgements, modules, hosts."""

import re
from collections.abc import Iterator
from pathlib import Path

from ferryman.devtools.doctor.finding import Finding, SourceLine, error, warning
from ferryman.devtools.doctor.location import Location
from ferryman.devtools.doctor.package_checks import undeclared
from ferryman.devtools.doctor.snapshot import AppSnapshot, SourceFile
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
# The name that a file gives the object whose calls have to be awaited.
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
_MODULE_MISSING = "handler_module_missing"
_UNRESOLVED = re.compile(r'Could not resolve "([^"]+)"\s+([^\n]+?):(\d+):\d+:')
_FAILS = "Every event for this function would fail five times and be given up."
_PLACE = re.compile(r"([\w./@-]+\.(?:jsx?|mjs|cjs|tsx?|toml)):(\d+)")
_LINE = re.compile(r"line (\d+)")


def handlers(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that each handler exists and compiles."""
    for function in seen.functions_used():
        place = function.get("handler")
        handler = seen.handlers.get(place.text)
        refusal = handler.refusal if handler is not None else None
        if refusal is None or refusal.code.startswith(("node_", "alias_", "overrides_")):
            continue  # reported once, not for each handler
        if refusal.code == _MODULE_MISSING and _UNRESOLVED.search(refusal.found):
            continue  # reported for each module
        file = handler.file if handler is not None else None
        yield error(
            refusal.code,
            _where(refusal, file) or place.where,
            f"The handler {place.text!r}: expected {refusal.expected}; found {refusal.found}.",
            why=_FAILS,
            fix=refusal.fix,
        )


def refused_at_deploy(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that each JavaScript handler is in a file that `forge deploy` accepts."""
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
                why="Ferryman runs it, but `forge deploy` only accepts handlers below src, in .js, "
                ".jsx, .cjs, .ts or .tsx files.",
                fix=f"Move the file to {named}.",
            )


def acknowledgement(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that the app acknowledges its messages somewhere."""
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
            why="Each uploaded file must be acknowledged; otherwise the transfer times out 15 "
            "minutes after its last activity (forge-events).",
            fix="Call await migration.messageProcessed(event.transferId, event.messageId) once "
            "the file is imported.",
        )


def not_awaited(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that no call of the platform is left without await."""
    for source in seen.sources:
        if source.python:
            continue
        names = {"migration", *(name for pair in _CALLED.findall(source.text) for name in pair)}
        for match in _CALL_ALONE.finditer(source.text):
            alone = not _OPEN_END.search(source.text[: match.start()].rstrip()[-40:])
            if match[1] in names and alone:
                yield warning(
                    "not_awaited",
                    source.where(match.start(2)),
                    f"{match[2]} is called without await.",
                    why="The process may end as soon as the handler returns, before the call is "
                    "complete, and its errors are lost.",
                    fix="Write await before it, or return its promise.",
                )


def modules(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that every module that a handler imports can be resolved, according to esbuild."""
    for function in seen.functions_used():
        handler = seen.handlers.get(function.get("handler").text)
        refusal = handler.refusal if handler is not None else None
        if refusal is None or refusal.code != _MODULE_MISSING:
            continue
        for match in _UNRESOLVED.finditer(refusal.found):
            name, where = match[1], SourceLine(match[2], int(match[3]))
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
                f"The module {name!r} is not installed and has no alias.",
                why="The handler does not compile without it, so every event would fail.",
                fix=f"Run npm install{undeclared(seen, name)} in the app's folder, or set a file "
                "for it under [alias] in ferryman.toml.",
            )


def egress(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that the manifest permits the hosts that the app calls."""
    if not seen.root.is_mapping:
        return
    allowed = [_allowed(entry, seen) for entry in _backends(seen)]
    for source in seen.sources:
        if source.python:
            continue
        for match in _FETCH.finditer(source.text):
            url = match[2] or _constant(source, match[3] or "")
            host = _HOST.match(url)
            if host and not any(_covers(pattern, host[1]) for pattern in allowed):
                yield warning(
                    "egress_not_permitted",
                    source.where(match.start()),
                    f"The app calls {host[1]}, but permissions.external.fetch.backend does not "
                    "list it.",
                    why="Ferryman allows the call, but Forge only allows hosts that are listed.",
                    fix=f"Add - address: https://{host[1]} to permissions.external.fetch.backend.",
                )


def _says_done(source: SourceFile) -> bool:
    return _SUCCESS.search(source.text) is not None


def _where(refusal: PlatformError, file: str | None) -> SourceLine | None:
    if place := _PLACE.search(refusal.found):
        return SourceLine(place[1], int(place[2]))
    line = _LINE.search(refusal.found)
    if file is None:
        return None
    return SourceLine(file, int(line[1]) if line else None)


def _backends(seen: AppSnapshot) -> list[Location]:
    return seen.root.get("permissions", "external", "fetch", "backend").items()


def _allowed(entry: Location, seen: AppSnapshot) -> str:
    """Return the host of an entry, which is an address or the key of a remote."""
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


def _constant(source: SourceFile, name: str) -> str:
    """Return the address that the same file assigns to a name; empty if it assigns none."""
    match = re.search(
        rf"\b(?:const|let|var)\s+{re.escape(name)}\s*=\s*[\"'`](https?://[^\"'`]*)", source.text
    )
    return match[1] if match and name else ""


CHECKS = (
    handlers,
    refused_at_deploy,
    acknowledgement,
    not_awaited,
    modules,
    egress,
)
