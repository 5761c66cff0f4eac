"""Check for acknowledgements that come before the file is read, where the order is certain.

A message that fails after its acknowledgement is not delivered again (ADR 0041). A line is certain
to run before another if both are in one block and nothing in between can leave it; so branches and
nested functions are checked separately.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

from ferryman.devtools.doctor.finding import Finding, SourceLine, warning
from ferryman.devtools.doctor.snapshot import AppSnapshot, SourceFile

_ACKNOWLEDGES = ("message_processed", "messages_processed", "messageProcessed")
_READS = ("get_app_data_payload", "getAppDataPayload")
_LEAVES = (ast.Return, ast.Raise, ast.Break, ast.Continue)
_APART = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)

_SCRIPT_ACKNOWLEDGES = re.compile(r"(?<=[;{}])\s*(?:await\s+)?(?:[\w$]+\.)*(messageProcessed)\s*\(")
_SCRIPT_STRINGS = re.compile(r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`", re.S)
_SCRIPT_STEP = re.compile(r"[{}]|\b(?:return|throw|break|continue)\b|\bgetAppDataPayload\s*\(")


def acknowledged_first(seen: AppSnapshot) -> Iterator[Finding]:
    """Check that no message is acknowledged before its file is read."""
    for source in seen.sources:
        for where in _in_python(source) if source.python else _in_script(source):
            yield warning(
                "acknowledged_before_read",
                where,
                "The message is acknowledged before its file is read.",
                why="An acknowledged message is not delivered again: if a later step fails, the "
                "transfer still ends in SUCCESS, with data missing.",
                fix="Acknowledge as the last step, once the whole file is stored.",
            )


def _in_python(source: SourceFile) -> Iterator[SourceLine]:
    try:
        tree = ast.parse(source.text)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        for block in _blocks(node):
            if line := _first_too_early(list(_steps(block))):
                yield SourceLine(source.file, line)


def _blocks(node: ast.AST) -> Iterator[Sequence[ast.stmt]]:
    """Yield the blocks of a node, each of which runs as a whole or not at all."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ExceptHandler() | ast.match_case():
            yield node.body
        case ast.If() | ast.For() | ast.AsyncFor() | ast.While():
            yield node.body
            yield node.orelse


def _steps(block: Iterable[ast.stmt]) -> Iterator[ast.stmt | ast.expr]:
    """Yield the steps in the order they run; bodies of ``with`` and ``try`` join their block."""
    for statement in block:
        match statement:
            case ast.With() | ast.AsyncWith():
                yield from (item.context_expr for item in statement.items)
                yield from _steps(statement.body)
            case ast.Try():
                yield from _steps([*statement.body, *statement.orelse, *statement.finalbody])
            case _:
                yield statement


def _first_too_early(steps: list[ast.stmt | ast.expr]) -> int | None:
    """Return the line of an acknowledgement that is followed by a read."""
    early = None
    for step in steps:
        if isinstance(step, _LEAVES):
            return None
        if early is not None and _calls(step, _READS):
            return early
        if isinstance(step, ast.Expr | ast.Assign | ast.AnnAssign) and early is None:
            early = _calls(step, _ACKNOWLEDGES)
    return None


def _calls(step: ast.AST, names: Sequence[str]) -> int | None:
    """Return the line of a call of one of ``names``, ignoring the bodies of nested functions."""
    open_ = [step]
    while open_:
        node = open_.pop()
        if isinstance(node, _APART):
            continue
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else None
            if (called.id if isinstance(called, ast.Name) else name) in names:
                return node.lineno
        open_ += ast.iter_child_nodes(node)
    return None


def _in_script(source: SourceFile) -> Iterator[SourceLine]:
    # A brace in a string opens nothing; every character stays where it is.
    text = _SCRIPT_STRINGS.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source.text)
    for match in _SCRIPT_ACKNOWLEDGES.finditer(text):
        if _read_follows(text, match.end()):
            yield source.where(match.start(1))


def _read_follows(text: str, begin: int) -> bool:
    """Return whether the block goes on to a read, with nothing before it that may leave it."""
    depth = 0
    for step in _SCRIPT_STEP.finditer(text, begin):
        if step[0] in "{}":
            depth += 1 if step[0] == "{" else -1
            if depth < 0:
                return False
        elif depth == 0:
            return step[0].startswith("get")
    return False


CHECKS = (acknowledged_first,)
