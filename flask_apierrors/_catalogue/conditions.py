"""Whether a condition in the source always has the same result."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any

from .scopes import UNKNOWN, Scope

#: What is the same for all requests, by the expression: ``request.method`` is ``POST``.
Facts = Mapping[str, str | None]

#: Values that no code of an author compares.
_CONSTANTS = (str, int, NoneType)
_COLLECTIONS = (tuple, list, set, frozenset)
_OPERATORS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda item, items: item in items,
    ast.NotIn: lambda item, items: item not in items,
}


def facts_of(endpoint: str, method: str) -> Facts:
    """Return what is the same for all requests of a method to an endpoint."""
    return {
        "request.method": method,
        "request.endpoint": endpoint,
        "request.blueprint": endpoint.rpartition(".")[0] or None,
    }


def truth_of(node: ast.expr, facts: Facts, scope: Scope) -> bool | None:
    """Return the result of a condition, or ``None`` if it varies.

    It is known for what is the same for all requests, and for the parameters of a function that is
    called with constants.
    """
    match node:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            truth = truth_of(operand, facts, scope)
            return None if truth is None else not truth
        case ast.BoolOp(op=op, values=parts):
            decisive = isinstance(op, ast.Or)
            truths = [truth_of(part, facts, scope) for part in parts]
            if decisive in truths:
                return decisive
            return None if None in truths else not decisive
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compare(_subject(left, facts, scope), op, right, scope)
        case ast.Call(func=ast.Attribute(value=left, attr="startswith"), args=[right]):
            subject, prefixes = _subject(left, facts, scope), _constant(right, scope)
            is_known = isinstance(subject, str) and isinstance(prefixes, str | tuple)
            return subject.startswith(prefixes) if is_known else None
        case ast.Name():
            subject = _subject(node, facts, scope)
            return bool(subject) if isinstance(subject, _CONSTANTS) else None
    return None


def _subject(node: ast.expr, facts: Facts, scope: Scope) -> Any:
    """Return what a fact, a parameter or a literal is."""
    if isinstance(node, ast.Attribute):
        return facts.get(ast.unparse(node).removeprefix("flask."), UNKNOWN) if facts else UNKNOWN
    is_fixed = isinstance(node, ast.Constant) or getattr(node, "id", None) in scope.arguments
    return scope.value(node) if is_fixed else UNKNOWN


def _compare(subject: Any, op: ast.cmpop, right: ast.expr, scope: Scope) -> bool | None:
    other = _constant(right, scope) if subject is not UNKNOWN else UNKNOWN
    is_something = other is None and isinstance(op, ast.Is | ast.IsNot)
    if other is UNKNOWN or not (is_something or isinstance(subject, _CONSTANTS)):
        return None
    compare = _OPERATORS.get(type(op))
    try:
        return compare(subject, other) if compare else None
    except TypeError:  # such as ``1 in "text"``
        return None


def _constant(node: ast.expr, scope: Scope) -> Any:
    """Return a constant or a collection of them."""
    if isinstance(node, ast.List | ast.Set | ast.Tuple):
        value: Any = tuple(scope.value(item) for item in node.elts)
    else:
        value = scope.value(node)
    items = value if type(value) in _COLLECTIONS else (value,)
    return value if all(isinstance(item, _CONSTANTS) for item in items) else UNKNOWN
