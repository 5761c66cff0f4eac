"""The changes that a mutation test makes to a module, one at a time.

Text, annotations and decorators stay: prose is for people, and a type checker refuses the rest.
"""

import ast
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

_SWAPPED: dict[Any, Any] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "startswith": "endswith",
    "endswith": "startswith",
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


# One case for each kind of change: a table, if a long one.
def _replacements(  # noqa: C901, PLR0912
    node: Any, *, table: bool
) -> Iterator[tuple[str, ast.AST]]:
    """Yield what may stand in place of a node; ``table``: it is outside of functions."""

    def but(**changed: Any) -> ast.AST:
        return type(node)(**{**dict(ast.iter_fields(node)), **changed})

    def shorter(field: str, *others: str) -> Iterator[tuple[str, ast.AST]]:
        for at, item in enumerate(getattr(node, field)):
            lists = {each: list(getattr(node, each)) for each in (field, *others)}
            for items in lists.values():
                del items[at]
            yield f"without {ast.unparse(item) if item else '**'}", but(**lists)

    match node:
        case ast.Constant(value=bool() | int() | float() as value):
            new = not value if isinstance(value, bool) else value + 1
            yield f"{value} -> {new}", ast.Constant(new)
        case ast.Compare(ops=operators):
            for at, operator in enumerate(operators):
                swapped = [*operators[:at], _SWAPPED[type(operator)](), *operators[at + 1 :]]
                yield f"{ast.unparse(node)} -> {ast.unparse(new := but(ops=swapped))}", new
        case ast.BinOp(op=operator) | ast.AugAssign(op=operator) if type(operator) in _SWAPPED:
            new = but(op=_SWAPPED[type(operator)]())
            yield f"{ast.unparse(node)} -> {ast.unparse(new)}", new
        case ast.BoolOp(op=operator, values=values):
            yield f"{ast.unparse(new := but(op=_SWAPPED[type(operator)]()))}", new
            if len(values) > 2:
                yield from shorter("values")
            else:
                yield from ((f"only {ast.unparse(each)}", each) for each in values)
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            yield f"{ast.unparse(node)} -> {ast.unparse(operand)}", operand
        case ast.If(test=test) | ast.IfExp(test=test):
            for constant in (True, False):
                yield f"if {ast.unparse(test)} -> {constant}", but(test=ast.Constant(constant))
        case ast.comprehension(ifs=[_, *_]):
            yield from shorter("ifs")
        case ast.match_case(guard=ast.expr()):
            yield f"without if {ast.unparse(node.guard)}", but(guard=None)
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield f"{ast.unparse(node)} -> None", but(value=ast.Constant(None))
        case ast.Raise() | ast.Expr(value=ast.Call()):
            yield f"without {ast.unparse(node)}", ast.Pass()
        case ast.Call(func=ast.Name("replace")):
            yield from shorter("keywords")
        case ast.Name(name) | ast.Attribute(attr=name) if name in _SWAPPED:
            field = "id" if isinstance(node, ast.Name) else "attr"
            yield f"{name} -> {_SWAPPED[name]}", but(**{field: _SWAPPED[name]})
        case ast.Set(elts=[_, _, *_]):
            yield from shorter("elts")
        case ast.Tuple(elts=[_, _, *_]) | ast.List(elts=[_, _, *_]) if table:
            yield from shorter("elts")
        case ast.Dict(keys=[_, _, *_]):
            yield from shorter("keys", "values")
