"""The changes that a mutation test makes to a module, one at a time.

Text, annotations and decorators stay: prose is for people, and a type checker refuses the rest.
"""

import ast
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

_PAIRS: list[tuple[Any, Any]] = [
    (ast.Lt, ast.LtE),
    (ast.Gt, ast.GtE),
    (ast.Eq, ast.NotEq),
    (ast.Is, ast.IsNot),
    (ast.In, ast.NotIn),
    (ast.And, ast.Or),
    (ast.Add, ast.Sub),
    (ast.Mult, ast.Div),
    ("min", "max"),
    ("any", "all"),
    ("startswith", "endswith"),
]
_SWAPPED = {
    **dict(_PAIRS),
    **{second: first for first, second in _PAIRS},
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
}
_KEPT_FIELDS = {"annotation", "returns", "decorator_list", "bases"}


class Mutant(NamedTuple):
    """One change; ``apply`` makes it in the tree that it was found in."""

    line: int
    function: int
    """First line of the function around it, with its decorators; 0 where an import runs it."""
    description: str
    apply: Callable[[], None]


def mutants(parent: ast.AST, function: int = 0) -> Iterator[Mutant]:
    """Yield all changes to what a node consists of, always in the same order."""
    for field, value in ast.iter_fields(parent):
        for place, node in enumerate(value if isinstance(value, list) else [value]):
            if not isinstance(node, ast.AST) or field in _KEPT_FIELDS or _is_kept(node):
                continue
            within = function
            if isinstance(node, ast.FunctionDef):
                within = min(each.lineno for each in (node, *node.decorator_list))
            for description, new in _replacements(node, table=not within):

                def apply(
                    new: ast.AST = new, field: str = field, value: Any = value, place: int = place
                ) -> None:
                    if isinstance(value, list):
                        value[place] = new
                    else:
                        setattr(parent, field, new)
                    ast.fix_missing_locations(parent)

                line = getattr(node, "lineno", getattr(parent, "lineno", 0))
                yield Mutant(line, within, " ".join(description.split()), apply)
            yield from mutants(node, within)


def _is_kept(node: ast.AST) -> bool:
    match node:
        case ast.If(test=ast.Name("TYPE_CHECKING")) | ast.JoinedStr() | ast.Import():
            return True
        case ast.Assign(targets=[ast.Name("__all__")]) | ast.Call(func=ast.Name("assert_never")):
            return True
    return False


def _replacements(node: Any, *, table: bool) -> Iterator[tuple[str, ast.AST]]:
    """Yield what may stand in place of a node; ``table``: it is outside of functions."""
    yield from _swapped(node)
    yield from _fixed(node)
    yield from _shortened(node, table=table)


def _swapped(node: Any) -> Iterator[tuple[str, ast.AST]]:
    """Yield a node with another operator, or the function that does the opposite."""
    match node:
        case ast.Compare(ops=operators):
            for at, operator in enumerate(operators):
                swapped = [*operators[:at], _SWAPPED[type(operator)](), *operators[at + 1 :]]
                yield f"{ast.unparse(node)} -> {ast.unparse(new := _but(node, ops=swapped))}", new
        case ast.BinOp(op=operator) | ast.AugAssign(op=operator) if type(operator) in _SWAPPED:
            new = _but(node, op=_SWAPPED[type(operator)]())
            yield f"{ast.unparse(node)} -> {ast.unparse(new)}", new
        case ast.BoolOp(op=operator, values=values):
            yield f"{ast.unparse(new := _but(node, op=_SWAPPED[type(operator)]()))}", new
            if len(values) > 2:
                yield from _without_each(node, "values")
            else:
                yield from ((f"only {ast.unparse(each)}", each) for each in values)
        case ast.Name(name) | ast.Attribute(attr=name) if name in _SWAPPED:
            field = "id" if isinstance(node, ast.Name) else "attr"
            yield f"{name} -> {_SWAPPED[name]}", _but(node, **{field: _SWAPPED[name]})


def _fixed(node: Any) -> Iterator[tuple[str, ast.AST]]:
    """Yield a node with another constant, or with a constant in place of a condition or result."""
    match node:
        case ast.Constant(value=bool() | int() | float() as value):
            new = not value if isinstance(value, bool) else value + 1
            yield f"{value} -> {new}", ast.Constant(new)
        case ast.If(test=test) | ast.IfExp(test=test):
            for constant in (True, False):
                yield (
                    f"if {ast.unparse(test)} -> {constant}",
                    _but(node, test=ast.Constant(constant)),
                )
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield f"{ast.unparse(node)} -> None", _but(node, value=ast.Constant(None))


def _shortened(node: Any, *, table: bool) -> Iterator[tuple[str, ast.AST]]:
    """Yield a node without one of its parts; rows only of a ``table``."""
    match node:
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield f"{ast.unparse(node)} -> {ast.unparse(operand)}", operand
        case ast.comprehension(ifs=[_, *_]):
            yield from _without_each(node, "ifs")
        case ast.match_case(guard=ast.expr()):
            yield f"without if {ast.unparse(node.guard)}", _but(node, guard=None)
        case ast.Raise() | ast.Expr(value=ast.Call()):
            yield f"without {ast.unparse(node)}", ast.Pass()
        case ast.Call(func=ast.Name("replace")):
            yield from _without_each(node, "keywords")
        case ast.Set(elts=[_, _, *_]):
            yield from _without_each(node, "elts")
        case ast.Tuple(elts=[_, _, *_]) | ast.List(elts=[_, _, *_]) if table:
            yield from _without_each(node, "elts")
        case ast.Dict(keys=[_, _, *_]):
            yield from _without_each(node, "keys", "values")


def _without_each(node: Any, field: str, *others: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield a node without each item of a list; ``others`` are lists of the same length."""
    for at, item in enumerate(getattr(node, field)):
        lists = {each: list(getattr(node, each)) for each in (field, *others)}
        for items in lists.values():
            del items[at]
        yield f"without {ast.unparse(item) if item else '**'}", _but(node, **lists)


def _but(node: Any, **changed: Any) -> ast.AST:
    """Return a copy of a node with other fields."""
    copy: ast.AST = type(node)(**{**dict(ast.iter_fields(node)), **changed})
    return copy
