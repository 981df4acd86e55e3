"""What the source of a function says about the errors that it answers by itself."""

from __future__ import annotations

import ast
import inspect
import json
import os
import re
import textwrap
from collections.abc import Callable, Iterator
from http import HTTPStatus
from tokenize import TokenError
from typing import Any, NamedTuple

_MAKERS = ("jsonify", "dict")
_RESPONSES = ("make_response", "Response", "current_app.response_class", "app.response_class")
#: Of a body that is neither a literal nor a call of those above, nothing is known.
_UNKNOWN = None


class ForeignBody(NamedTuple):
    """An error that is answered with a body of another shape."""

    #: ``views.py:12``
    place: str
    status: int


def place_of(function: Callable[..., Any]) -> str:
    """Where a function is defined, as ``views.py:12``; its name, where that is unknown."""
    code = getattr(_unwrapped(function), "__code__", None)
    if code is None:
        return getattr(function, "__qualname__", repr(function))
    return _place(code.co_filename, code.co_firstlineno)


def _unwrapped(function: Callable[..., Any]) -> Any:
    try:
        return inspect.unwrap(function)
    except ValueError:  # it wraps itself
        return function


def _place(filename: str, line: int) -> str:
    try:
        path = os.path.relpath(filename) if os.path.isabs(filename) else filename
    except (OSError, ValueError):  # the working folder is gone, or on another drive
        path = filename
    return f"{filename if path.startswith('..') else path}:{line}"


def foreign_bodies(function: Callable[..., Any]) -> Iterator[ForeignBody]:
    """The literal error answers of a function whose body has no ``error`` member.

    Finds ``return {...}, 404``, ``return jsonify(...), 404``, ``make_response(..., 404)`` and ``Response(...,
    status=404)``. What is computed cannot be known, and is not reported.
    """
    function = _unwrapped(function)
    tree, first = _parsed(function)
    for node in _own_nodes(tree):
        body, status = _answer(node)
        code = _status(status)
        if code is not None and body is not None and _has_error(body) is False:
            yield ForeignBody(_place(function.__code__.co_filename, first + node.lineno - 1), code)


def _parsed(function: Callable[..., Any]) -> tuple[ast.AST | None, int]:
    try:
        lines, first = inspect.getsourcelines(getattr(function, "__code__", None))  # type: ignore[arg-type]
        return ast.parse(textwrap.dedent("".join(lines))).body[0], max(first, 1)
    except (OSError, TypeError, SyntaxError, TokenError, IndexError):
        return None, 0  # made by exec, by C, amid an expression, or edited since


def _own_nodes(tree: ast.AST | None) -> Iterator[Any]:
    """The nodes of a function's body, without those of functions in it."""
    rest = (
        list(getattr(tree, "body", ()))
        if isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef)
        else []
    )
    while rest:
        node = rest.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            rest = [*ast.iter_child_nodes(node), *rest]


def _answer(node: ast.AST) -> tuple[ast.expr | None, ast.expr | None]:
    """The body and the status that a node answers with, if it does."""
    if (
        isinstance(node, ast.Return)
        and isinstance(node.value, ast.Tuple)
        and len(node.value.elts) >= 2
    ):
        return node.value.elts[0], node.value.elts[1]
    if isinstance(node, ast.Call) and _name(node.func) in _RESPONSES and node.args:
        named = next((keyword.value for keyword in node.keywords if keyword.arg == "status"), None)
        return node.args[0], named or (node.args[1] if len(node.args) > 1 else None)
    return None, None


def _name(node: ast.expr) -> str:
    return ast.unparse(node).removeprefix("flask.")


def _status(node: ast.expr | None) -> int | None:
    """An error status, written as a number, a text such as ``"404 Not Found"`` or a member of ``HTTPStatus``."""
    found: Any = None
    if isinstance(node, ast.Constant):
        found = node.value.partition(" ")[0] if isinstance(node.value, str) else node.value
    elif isinstance(node, ast.Attribute) and "HTTPStatus" in _name(node):
        name = (
            node.value.attr
            if node.attr == "value" and isinstance(node.value, ast.Attribute)
            else node.attr
        )
        found = HTTPStatus.__members__.get(name)
    if isinstance(found, str):
        found = int(found) if re.fullmatch("[0-9]{3}", found) else None
    return int(found) if isinstance(found, int) and 400 <= found <= 599 else None


def _has_error(body: ast.expr) -> bool | None:
    """Has a body the member ``error``? ``None`` when the source does not tell."""
    if isinstance(body, ast.Constant):
        # An empty one is filled.
        return (
            _has_error_inside(body.value)
            if isinstance(body.value, str | bytes) and body.value
            else _UNKNOWN
        )
    if isinstance(body, ast.JoinedStr | ast.List):
        return False
    if isinstance(body, ast.Dict):
        return _has_member(body.keys)
    if isinstance(body, ast.Call) and _name(body.func) in _MAKERS:
        if len(body.args) == 1 and not body.keywords:
            return _has_error(body.args[0])
        named = [keyword.arg and ast.Constant(keyword.arg) for keyword in body.keywords]
        return _UNKNOWN if body.args else _has_member(named)
    return _UNKNOWN


def _has_error_inside(text: str | bytes) -> bool:
    """Is a text a JSON object with the member?"""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(body, dict) and "error" in body


def _has_member(keys: list[Any]) -> bool | None:
    names = [key.value if isinstance(key, ast.Constant) else _UNKNOWN for key in keys]
    if "error" in names:
        return True
    return _UNKNOWN if None in names else False
