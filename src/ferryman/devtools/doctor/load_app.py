"""Read an app's folder into a snapshot; no other module of the doctor does any I/O."""

import io
import os
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from ferryman.devtools.doctor.finding import SourceLine
from ferryman.devtools.doctor.location import Location, UnreadableDocument, read
from ferryman.devtools.doctor.snapshot import AppKeys, AppSnapshot, Handler, SourceFile
from ferryman.devtools.migrate.plan import FILE as PLAN
from ferryman.errors import PlatformError
from ferryman.functions.manifest import HANDLER
from ferryman.functions.manifest_model import Function, Manifest, Trigger
from ferryman.functions.overrides import FILE, Overrides, read_overrides
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
# Declarations name calls without making them.
_TYPES = re.compile(r".+\.d\.[cm]?ts")
_MOST_BYTES = 1 << 20
_MOST_FILES = 2_000
_STRING_OR_COMMENT = re.compile(
    r"(\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|//[^\n]*|/\*.*?\*/", re.DOTALL
)


def load_app(
    folder: Path,
    keys: tuple[AppKeys, ...] = (),
    plan: tuple[SourceLine, PlatformError] | None = None,
    descriptor: tuple[str, str] | None = None,
) -> AppSnapshot:
    """Return a snapshot of ``folder``; compiling the handlers may take seconds.

    ``plan`` is the place of a plan that could not be read, and the reason. ``descriptor`` is the
    address and the text of a served descriptor, which replaces the definition in the folder.
    """
    served = None if descriptor is None else read(*descriptor, as_json=True)
    manifest = None if served else _document(folder, MANIFESTS)
    documents = served or _document(folder, DESCRIPTORS)
    handlers = _handlers(folder, manifest) if isinstance(manifest, Location) else {}
    wrong, stand_ins = None, Overrides({}, {})
    try:
        stand_ins = read_overrides(folder)
    except PlatformError as error:
        wrong = error
    refusals = (each.refusal for each in handlers.values())
    node = next((each for each in refusals if each and each.code == "node_missing"), None)
    return AppSnapshot(
        manifest=manifest,
        descriptor=documents,
        package=_document(folder, ("package.json",)),
        overrides=wrong,
        stand_ins=stand_ins,
        overrides_text=_text(folder / FILE),
        typescript=_source(folder, folder / "tsconfig.json"),
        sources=tuple(_sources(folder)),
        handlers=handlers,
        node=node,
        keys=keys,
        plan=plan,
    )


def definition_files(folder: Path) -> Iterator[Path]:
    """Yield the files beside the sources that are read if they are there."""
    for name in (*MANIFESTS, *DESCRIPTORS, FILE, PLAN, "package.json", "tsconfig.json"):
        yield folder / name


def code_files(folder: Path) -> Iterator[Path]:
    """Yield the app's own source files: no tests or declarations, nothing installed or built."""
    count = 0
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if n not in _LEFT_OUT and not n.startswith("."))
        for name in sorted(names):
            code = name.endswith(_CODE) and not _TEST.fullmatch(name) and not _TYPES.fullmatch(name)
            if code and count < _MOST_FILES:
                count += 1
                yield Path(here, name)


def _document(folder: Path, names: tuple[str, ...]) -> Location | UnreadableDocument | None:
    for name in names:
        try:
            return read(name, (folder / name).read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            return UnreadableDocument(SourceLine(name), str(error)[:200])
    return None


def _sources(folder: Path) -> Iterator[SourceFile]:
    for path in code_files(folder):
        if source := _source(folder, path):
            yield source


def _text(file: Path) -> str:
    """Return the text of a file; an empty one if it is none, or too large to be looked at."""
    try:
        if not file.is_file() or file.stat().st_size > _MOST_BYTES:
            return ""
        return file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""


def _source(folder: Path, path: Path) -> SourceFile | None:
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    bare = _without_comments(text) if path.suffix == ".py" else _bare_javascript(text)
    return SourceFile(path.relative_to(folder).as_posix(), bare)


def _without_comments(text: str) -> str:
    """Return Python source without its comments; line numbers stay the same."""
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

    def blank(match: re.Match[str]) -> str:
        return match[0] if match[1] else "\n" * match[0].count("\n")

    return _STRING_OR_COMMENT.sub(blank, text)


def _handlers(folder: Path, manifest: Location) -> dict[str, Handler]:
    names = {module.get("handler").text for module in manifest.get("modules", "function").items()}
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
