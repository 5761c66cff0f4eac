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
from ferryman.functions.overrides import Overrides, read_overrides
from ferryman.functions.source import check_source, handler_file
from ferryman.vocab import EventType

MANIFESTS = ("manifest.yml", "manifest.yaml", "manifest.json")
DESCRIPTORS = ("atlassian-connect.json", "descriptor.json")
_CODE = (".py", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx")
_LEFT_OUT = {
    *("node_modules", "__pycache__", "dist", "build", "static"),
    *("test", "tests", "__tests__", "__mocks__"),
}
_TEST = re.compile(r".+\.(test|spec)\.[a-z]+|test_.*\.py|.*_test\.py|conftest\.py")
_MOST_BYTES = 1 << 20
_MOST_FILES = 2_000
_STRING_OR_COMMENT = re.compile(
    r"(\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|//[^\n]*|/\*.*?\*/", re.DOTALL
)


def take(
    folder: Path,
    keys: tuple[Keys, ...] = (),
    plan: tuple[Where, PlatformError] | None = None,
) -> Snapshot:
    """See what is in ``folder``; compiles the handlers, which may take seconds.

    ``plan`` is where a plan lies that could not be read, and why.
    """
    manifest = _document(folder, MANIFESTS)
    descriptor = _document(folder, DESCRIPTORS)
    handlers = _handlers(folder, manifest) if isinstance(manifest, Place) else {}
    wrong, stand_ins = None, Overrides({}, {})
    try:
        stand_ins = read_overrides(folder)
    except PlatformError as error:
        wrong = error
    refusals = (each.refusal for each in handlers.values())
    node = next((each for each in refusals if each and each.code == "node_missing"), None)
    return Snapshot(
        manifest=manifest,
        descriptor=descriptor,
        package=_document(folder, ("package.json",)),
        overrides=wrong,
        stand_ins=stand_ins,
        typescript=_source(folder, folder / "tsconfig.json"),
        sources=tuple(_sources(folder)),
        handlers=handlers,
        node=node,
        keys=keys,
        plan=plan,
    )


def code_files(folder: Path) -> Iterator[Path]:
    """Files of code of the app itself, no tests, nothing installed or built."""
    count = 0
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if n not in _LEFT_OUT and not n.startswith("."))
        for name in sorted(names):
            code = name.endswith(_CODE) and not _TEST.fullmatch(name)
            if code and count < _MOST_FILES:
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
        if source := _source(folder, path):
            yield source


def _source(folder: Path, path: Path) -> Source | None:
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    bare = _without_comments(text) if path.suffix == ".py" else _bare_javascript(text)
    return Source(path.relative_to(folder).as_posix(), bare)


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
