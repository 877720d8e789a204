"""Small mistakes put into a program, to see whether its tests notice.

The kinds are those of DeMillo, Lipton and Sayward (1978), as mutation testing has used them since: relational,
arithmetic and logical operators, constants, conditions, returned values and statements left out. Why no library:
docs/decisions/0018-execute.md.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .syntax import parsed

_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip

_COARSE = {"a statement was left out", "nothing is returned"}  # whatever notices a stub notices these, as a rule


@dataclass(frozen=True)
class Mutant:
    """A program with one mistake.

    Attributes:
        what: The mistake, such as ``line 3: < became <=``; lines are those of the code as ``ast`` prints it.
        code: The program.
    """

    what: str
    code: str

    @property
    def coarse(self) -> bool:
        """Whether it is of a kind that whatever notices a stub notices, too."""
        return self.what.partition(": ")[2] in _COARSE


@dataclass(frozen=True)
class _Change:
    """One attribute of one node, set to something else."""

    kind: str
    node: ast.AST
    attribute: str
    value: Any
    line: int
    looping: bool


def mutants(code: str, limit: int = 10, entry: Sequence[str] = ()) -> Iterator[Mutant]:
    """Programs that differ from a program by one mistake each: one of each kind, then another of each.

    Always the same for the same code. Subtle kinds come first, what might make a loop endless last.

    Args:
        code: The program.
        limit: How many, at most.
        entry: Names that are called; functions that these do not come to stay as they are.
    """
    tree = parsed(code)
    if tree is None:
        return
    try:
        seen = {ast.unparse(tree)}
        for change in _in_turn(list(_changes(tree, _idle(tree, entry)))):
            mutated = _apply(tree, change)
            if mutated not in seen:
                seen.add(mutated)
                yield Mutant(f"line {change.line}: {change.kind}", mutated)
            if len(seen) > limit:
                return
    except RecursionError:  # deeper than it can be printed
        return


def _in_turn(changes: list[_Change]) -> Iterator[_Change]:
    """The first of each kind, the second of each, ...: coarse ones after the others, those in while loops last."""
    groups: dict[tuple[bool, bool], dict[str, list[_Change]]] = {}
    for change in changes:
        kinds = groups.setdefault((change.looping, change.kind in _COARSE), {})
        kinds.setdefault(change.kind, []).append(change)
    for group in sorted(groups):
        for row in itertools.zip_longest(*groups[group].values()):
            yield from (change for change in row if change is not None)


def _apply(tree: ast.Module, change: _Change) -> str:
    before = getattr(change.node, change.attribute)
    setattr(change.node, change.attribute, change.value)
    try:
        return ast.unparse(ast.fix_missing_locations(tree))
    finally:
        setattr(change.node, change.attribute, before)


def _idle(tree: ast.Module, entry: Sequence[str]) -> set[ast.AST]:
    """Functions at the top that no entry uses, nor what it uses."""
    functions: dict[str, list[ast.AST]] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions.setdefault(node.name, []).append(node)
    pending = [name.partition(".")[0] for name in entry]
    if not any(name in functions for name in pending):
        return set()
    others = [node for node in tree.body if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    pending += [name for node in others for name in _names(node)]
    while pending:
        pending += [name for node in functions.pop(pending.pop(), []) for name in _names(node)]
    return {node for nodes in functions.values() for node in nodes}


def _names(tree: ast.AST) -> list[str]:
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]


def _changes(tree: ast.Module, idle: set[ast.AST]) -> Iterator[_Change]:
    pending: list[tuple[ast.AST, bool]] = [(tree, False)]
    while pending:
        node, looping = pending.pop()
        if node in idle:
            continue
        looping = looping or isinstance(node, ast.While)
        for kind, at, attribute, value in _of(node):
            line: int = getattr(at, "lineno", 1)
            yield _Change(kind, at, attribute, value, line, looping)
        pending += [(child, looping) for child in reversed(list(_children(node)))]


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """What runs in a node: no annotations, decorators or docstrings."""
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "type_comment", "type_params"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_text(child):
                yield child


def _of(node: ast.AST) -> Iterator[tuple[str, ast.AST, str, Any]]:
    """Mistakes at one node: what it is, where, and what is set to what."""
    match node:
        case ast.Compare(ops=[op, *rest]) if type(op) in _COMPARED:
            other = _COMPARED[type(op)]
            yield f"{_sign(op)} became {_sign(other())}", node, "ops", [other(), *rest]
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in _COMPUTED:
            arithmetic = _COMPUTED[type(op)]
            yield f"{_sign(op)} became {_sign(arithmetic())}", node, "op", arithmetic()
        case ast.BoolOp(op=ast.And()):
            yield "and became or", node, "op", ast.Or()
        case ast.BoolOp(op=ast.Or()):
            yield "or became and", node, "op", ast.And()
        case ast.Constant(value=bool(value)):
            yield f"{value} became {not value}", node, "value", not value
        case ast.Constant(value=int(value) | float(value)):
            yield "a number became 1 more", node, "value", value + 1
            yield "a number became 1 less", node, "value", value - 1
        case ast.Return(value=ast.expr()):
            yield "nothing is returned", node, "value", None
        case ast.If(test=test) | ast.IfExp(test=test) | ast.comprehension(ifs=[test]):
            where = ("ifs", [_negated(test)]) if isinstance(node, ast.comprehension) else ("test", _negated(test))
            yield "a condition was negated", node, *where
    for block in ("body", "orelse", "finalbody"):
        yield from _without(node, block)


def _without(node: ast.AST, block: str) -> Iterator[tuple[str, ast.AST, str, Any]]:
    """A block without one of its calls or assignments."""
    statements = getattr(node, block, None)
    if not isinstance(statements, list):
        return
    for i, statement in enumerate(statements):
        if isinstance(statement, ast.Assign | ast.AugAssign | ast.Expr) and not _is_text(statement):
            yield "a statement was left out", node, block, [*statements[:i], ast.Pass(), *statements[i + 1 :]]


def _negated(test: ast.expr) -> ast.expr:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand
    return ast.UnaryOp(ast.Not(), test)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


_SIGNS = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=", ast.In: "in",
    ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not", ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/",
    ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
    ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip


def _sign(operator: ast.AST) -> str:
    return _SIGNS[type(operator)]
