"""Every refusal that the code can make, read out of its syntax trees.

A refusal is a call of an error class, or of one of the helpers that make one. Codes are written
as constants, or built by an f-string from what a helper is called with; both are found here, and
a code that cannot be worked out is an error, so that none goes undocumented.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from ferryman import errors
from ferryman.api import problems
from ferryman.api.problems import STATUS, STATUS_OF_CODE
from ferryman.errors import ConfigError, PlatformError

SOURCE = Path(__file__).parents[1] / "src"
_Names = dict[str, object]
CLASSES = {
    name: kind
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, PlatformError)
}


@dataclass(frozen=True)
class Refusal:
    """One way to be refused; what varies from case to case is an ellipsis."""

    code: str
    status: int | None
    expected: str
    found: str
    fix: str


@dataclass(frozen=True)
class _Place:
    """A call, the function it stands in, and the globals of its module."""

    call: ast.Call
    function: ast.FunctionDef | ast.AsyncFunctionDef | None
    names: _Names


def refusals() -> list[Refusal]:
    """All of them, by code."""
    places = [place for path in sorted(SOURCE.rglob("*.py")) for place in _places(path)]
    found = set(_of_the_framework())
    for place in places:
        kind = CLASSES.get(_name(place.call.func))
        if kind is None or not place.call.args:
            continue
        for code, known in _codes(place.call.args[0], place, places):
            texts = (_text(place, part, known) for part in ("expected", "found", "fix"))
            found.add(Refusal(code, _status(code, kind), *texts))
    return sorted(found, key=lambda each: (each.code, each.status or 0, *_sentences(each)))


def _sentences(refusal: Refusal) -> tuple[str, str, str]:
    return refusal.expected, refusal.fix, refusal.found


def _of_the_framework() -> Iterator[Refusal]:
    for status, texts in problems._HTTP.items():  # noqa: SLF001 - the one list of them
        yield Refusal(texts[0], status, texts[1], "…", texts[2])


def _places(path: Path) -> Iterator[_Place]:
    tree = ast.parse(path.read_bytes())
    module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    if not any(_name(n.func) in {*CLASSES, *_HELPERS} for n in _calls(tree)):
        return
    names = vars(import_module(module.removesuffix(".__init__")))

    def walk(node: ast.AST, function: ast.FunctionDef | ast.AsyncFunctionDef | None) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                found.append(_Place(child, function, names))
            inner = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            walk(child, child if inner else function)  # type: ignore[arg-type]

    found: list[_Place] = []
    walk(tree, None)
    yield from found


def _codes(node: ast.expr, place: _Place, places: list[_Place]) -> list[tuple[str, _Names]]:
    """The codes that an expression can be, each with the variable that made it so."""
    match node:
        case ast.Constant(value=str(code)):
            return [(code, {})]
        case ast.IfExp(body=body, orelse=other):
            return [*_codes(body, place, places), *_codes(other, place, places)]
        case ast.JoinedStr():
            [name] = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            known: list[_Names] = [{name: value} for value in _values(name, place, places)]
            return [(eval(ast.unparse(node), dict(each)), each) for each in known]  # noqa: S307
        case ast.Name(id="code") if place.function and place.function.name == "http_refusal":
            return []  # they are in the framework's table
    raise ValueError(f"a code that cannot be worked out: {ast.unparse(node)}")


def _values(
    name: str, place: _Place, places: list[_Place], seen: frozenset[object] = frozenset()
) -> set[str]:
    """What a variable of a function can hold: what its loops and its callers give it."""
    if place.function is None:
        raise ValueError(f"no function around {name}")
    if (place.function, name) in seen:
        return set()  # it calls itself with what it was given
    parameters = [argument.arg for argument in place.function.args.args]
    if name not in parameters:
        return set(_looped(name, place.function))
    position = parameters.index(name)
    found: set[str] = set()
    for other in places:
        if _name(other.call.func) != place.function.name or len(other.call.args) <= position:
            continue
        match other.call.args[position]:
            case ast.Constant(value=str(value)):
                found.add(value)
            case ast.Name(id=passed):
                found |= _values(passed, other, places, seen | {(place.function, name)})
            case given:
                raise ValueError(f"{place.function.name} is called with {ast.unparse(given)}")
    return found


def _looped(name: str, function: ast.AST) -> Iterator[str]:
    for loop in ast.walk(function):
        if not (isinstance(loop, ast.For) and isinstance(loop.target, ast.Tuple)):
            continue
        targets = [_name(target) for target in loop.target.elts]
        if name in targets and isinstance(loop.iter, ast.Tuple):
            for row in loop.iter.elts:
                if isinstance(row, ast.Tuple):
                    value = row.elts[targets.index(name)]
                    if isinstance(value, ast.Constant):
                        yield str(value.value)


def _text(place: _Place, keyword: str, known: _Names) -> str:
    [value] = [k.value for k in place.call.keywords if k.arg == keyword]
    return " ".join(_render(value, place.names | known).split())


def _render(node: ast.expr, names: _Names) -> str:
    """The text of an expression: constants of its module filled in, an ellipsis for the rest."""
    match node:
        case ast.Constant(value=value):
            return str(value)
        case ast.JoinedStr(values=values):
            return "".join(_render(value, names) for value in values)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _render(left, names) + _render(right, names)
        case ast.IfExp(body=body, orelse=other):
            return f"{_render(body, names)} Or: {_render(other, names)}"
    try:
        source = ast.unparse(node.value if isinstance(node, ast.FormattedValue) else node)
        value = eval(source, dict(names))  # noqa: S307 - our own source
    except Exception:  # noqa: BLE001 - it needs what only the running code has
        return "…"
    return str(value)


def _status(code: str, kind: type[PlatformError]) -> int | None:
    """None for what happens before there is anyone to answer."""
    if issubclass(kind, ConfigError):
        return None
    if code == "internal_error":
        return 500
    return STATUS_OF_CODE.get(code) or next(s for k, s in STATUS.items() if issubclass(kind, k))


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


_HELPERS = {"not_found", "check_text", "parse_id", "_unknown"}
