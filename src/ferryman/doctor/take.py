"""Reads an app's folder into a snapshot: the one place where the doctor touches anything."""

import io
import os
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from ferryman.doctor.finding import Where
from ferryman.doctor.place import Broken, Place, read
from ferryman.doctor.snapshot import Handler, Keys, Snapshot, Source
from ferryman.errors import PlatformError
from ferryman.functions.manifest import HANDLER, Function, Manifest, Trigger
from ferryman.functions.overrides import read_overrides
from ferryman.functions.source import check_source, handler_file
from ferryman.vocab import EventType

MANIFESTS = ("manifest.yml", "manifest.yaml", "manifest.json")
DESCRIPTORS = ("atlassian-connect.json", "descriptor.json")
_CODE = (".py", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx")
_LEFT_OUT = {"node_modules", "__pycache__", "dist", "build", "static", "test", "tests"}
_MOST_BYTES = 1 << 20
_MOST_FILES = 2_000
_IMPORT = re.compile(
    r"^[ \t]*(?:import|export)\s[^;'\"`]*?from\s*[\"']([^\"']+)[\"']"
    r"|^[ \t]*import\s*[\"']([^\"']+)[\"']|\brequire\(\s*[\"']([^\"']+)[\"']\s*\)",
    re.MULTILINE,
)
_TYPES_ALONE = re.compile(r"\s*(?:import|export)\s+type\s")
_STRING_OR_COMMENT = re.compile(
    r"(\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|//[^\n]*|/\*.*?\*/", re.DOTALL
)
_BUILT_IN = frozenset(
    re.findall(
        r"\w+",
        """assert async_hooks buffer child_process cluster console constants crypto dgram dns domain
        diagnostics_channel events fs http http2 https inspector module net os path perf_hooks
        process punycode querystring readline repl stream string_decoder sys timers tls
        trace_events tty url util v8 vm wasi worker_threads zlib""",
    )
)
_STAND_INS = ("@forge/migrations",)


def take(folder: Path, keys: tuple[Keys, ...] = ()) -> Snapshot:
    """See what is in ``folder``; compiles the handlers, which may take seconds."""
    manifest = _document(folder, MANIFESTS)
    descriptor = _document(folder, DESCRIPTORS)
    sources = tuple(_sources(folder))
    handlers = _handlers(folder, manifest) if isinstance(manifest, Place) else {}
    wrong, alias = None, frozenset[str]()
    try:
        alias = frozenset(read_overrides(folder).alias)
    except PlatformError as error:
        wrong = error
    refusals = (each.refusal for each in handlers.values())
    node = next((each for each in refusals if each and each.code == "node_missing"), None)
    return Snapshot(
        manifest=manifest,
        descriptor=descriptor,
        package=_document(folder, ("package.json",)),
        overrides=wrong,
        sources=sources,
        handlers=handlers,
        missing=tuple(_missing(folder, sources, alias)) if manifest else (),
        node=node,
        keys=keys,
    )


def code_files(folder: Path) -> Iterator[Path]:
    """Files of code of the app itself, no tests, nothing installed or built."""
    count = 0
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if n not in _LEFT_OUT and not n.startswith("."))
        for name in sorted(names):
            if name.endswith(_CODE) and count < _MOST_FILES:
                count += 1
                yield Path(here, name)


def _document(folder: Path, names: tuple[str, ...]) -> Place | Broken | None:
    for name in names:
        try:
            return read(name, (folder / name).read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            return Broken(Where(name), str(error)[:200])
    return None


def _sources(folder: Path) -> Iterator[Source]:
    for path in code_files(folder):
        try:
            if path.stat().st_size > _MOST_BYTES:
                continue
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        bare = _without_comments(text) if path.suffix == ".py" else _bare_javascript(text)
        yield Source(path.relative_to(folder).as_posix(), bare)


def _without_comments(text: str) -> str:
    """Python without its comments, line for line."""
    lines = text.splitlines(keepends=True)
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                row, column = token.start
                lines[row - 1] = lines[row - 1][:column] + "\n"
    except (tokenize.TokenError, SyntaxError):
        return text
    return "".join(lines)


def _bare_javascript(text: str) -> str:
    """JavaScript without its comments, line for line; a quote in a regex may hide some."""

    def blank(found: re.Match[str]) -> str:
        return found[0] if found[1] else "\n" * found[0].count("\n")

    return _STRING_OR_COMMENT.sub(blank, text)


def _handlers(folder: Path, manifest: Place) -> dict[str, Handler]:
    names = {each.get("handler").text for each in manifest.get("modules", "function").items()}
    return {name: _handler(folder, name) for name in sorted(names) if HANDLER.fullmatch(name)}


def _handler(folder: Path, name: str) -> Handler:
    file = None
    try:
        file = handler_file(folder, name)[0].relative_to(folder.resolve()).as_posix()
        trigger = Trigger("t", "f", None, (EventType.UPLOADED,))
        check_source(Manifest(None, (Function("f", name),), (), (trigger,), (), ()), folder)
    except PlatformError as refusal:
        return Handler(file, refusal)
    return Handler(file)


def _missing(
    folder: Path, sources: tuple[Source, ...], alias: frozenset[str]
) -> Iterator[tuple[str, Where]]:
    told: set[str] = set()
    for source in sources:
        if source.python:
            continue
        for found in _IMPORT.finditer(source.text):
            name = found[1] or found[2] or found[3]
            package = "/".join(name.split("/")[: 2 if name.startswith("@") else 1])
            given = name.startswith((".", "/", "#", "node:")) or package in _BUILT_IN
            given = given or bool({name, package} & {*alias, *_STAND_INS})
            given = given or _TYPES_ALONE.match(found[0]) is not None
            if given or name in told or _installed(folder, package):
                continue
            told.add(name)
            start = found.start() + len(found[0]) - len(found[0].lstrip())
            yield name, source.where(start)


def _installed(folder: Path, package: str) -> bool:
    whole = folder.resolve()
    return any((each / "node_modules" / package).exists() for each in (whole, *whole.parents))
