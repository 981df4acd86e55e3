"""Whether a condition in the source holds for every request to one endpoint."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from typing import Any

from .scopes import Scope

#: What is the same for all requests, by the expression: ``request.method`` is ``POST``.
Facts = Mapping[str, str]


def facts_of(endpoint: str, method: str) -> Facts:
    """Return what is the same for all requests of a method to an endpoint."""
    return {
        "request.method": method,
        "request.endpoint": endpoint,
        "request.blueprint": endpoint.rpartition(".")[0],
    }


def truth_of(node: ast.expr, facts: Facts, scope: Scope) -> bool | None:
    """Return whether a condition holds. ``None``: it depends on the request."""
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
            fact = facts.get(_text(left))
            return None if fact is None else _compare(fact, op, _constants(right, scope))
        case ast.Call(func=ast.Attribute(value=left, attr="startswith"), args=[right]):
            fact, prefixes = facts.get(_text(left)), _constants(right, scope)
            return None if fact is None or prefixes is None else fact.startswith(tuple(prefixes))
    return None


def _text(node: ast.expr) -> str:
    return ast.unparse(node).removeprefix("flask.")


def _compare(fact: str, op: ast.cmpop, constants: Collection[str] | None) -> bool | None:
    if constants is None:
        return None
    is_one_of = fact in constants
    if isinstance(op, ast.Eq | ast.In):
        return is_one_of
    return not is_one_of if isinstance(op, ast.NotEq | ast.NotIn) else None


def _constants(node: ast.expr, scope: Scope) -> Collection[str] | None:
    """Return the texts in a constant or a collection, if all are known."""
    items = node.elts if isinstance(node, ast.List | ast.Set | ast.Tuple) else [node]
    texts: list[Any] = []
    for item in items:
        for value in scope.values(item):
            is_collection = isinstance(value, tuple | list | set | frozenset)
            texts += value if is_collection else [value]
    return texts if all(isinstance(text, str) for text in texts) else None
