"""Reads from the source of a function which errors it answers in another shape."""

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

#: How often a text is parsed that another thread disturbs.
_ATTEMPTS = 10
_BODY_MAKERS = ("jsonify", "dict")
#: Functions that answer with a file or a template.
_FILES = ("render_template", "send_file", "send_from_directory", "send_static_file")
_RESPONSES = ("make_response", "Response", "current_app.response_class", "app.response_class")
#: The source does not say whether a body has the member: it is neither a literal nor a call of a
#: body maker.
_UNKNOWN = None


class ForeignBody(NamedTuple):
    """An error whose body has another shape."""

    #: ``views.py:12``
    place: str
    status: int


def place_of(function: Callable[..., Any]) -> str:
    """Where a function is defined, such as ``views.py:12``. Without source code, its name."""
    code = getattr(_unwrap(function), "__code__", None)
    if code is None:
        return getattr(function, "__qualname__", repr(function))
    return place(code.co_filename, code.co_firstlineno)


def _unwrap(function: Callable[..., Any]) -> Any:
    try:
        return inspect.unwrap(function)
    except ValueError:  # it wraps itself
        return function


def place(filename: str, line: int) -> str:
    try:
        path = os.path.relpath(filename) if os.path.isabs(filename) else filename
    except (OSError, ValueError):  # the working folder is gone, or on another drive
        path = filename
    return f"{filename if path.startswith('..') else path}:{line}"


def foreign_bodies(function: Callable[..., Any]) -> Iterator[ForeignBody]:
    """The errors that a function answers with a literal body without an ``error`` member.

    It finds ``return {...}, 404``, ``return jsonify(...), 404``, ``make_response(..., 404)`` and
    ``Response(..., status=404)``. It leaves out computed bodies.
    """
    function = _unwrap(function)
    tree, first_line = _parse(function)
    for node in _own_nodes(tree):
        body, status_node = _answer(node)
        status = _error_status(status_node)
        if status is not None and body is not None and _has_error(body) is False:
            line = first_line + node.lineno - 1
            yield ForeignBody(place(function.__code__.co_filename, line), status)


def page_in(function: Callable[..., Any]) -> str | None:
    """Return the place where a function answers with an HTML page, if its source shows it.

    It finds ``return render_template("404.html")``, the same with ``send_file`` and its like, and
    literals that begin with a tag.
    """
    function = _unwrap(function)
    tree, first_line = _parse(function)
    for node in _own_nodes(tree):
        if isinstance(node, ast.Return) and _is_page(node.value):
            return place(function.__code__.co_filename, first_line + node.lineno - 1)
    return None


def _is_page(node: ast.expr | None) -> bool:
    match node:
        case ast.Tuple(elts=[body, *_]):
            return _is_page(body)
        case ast.Constant(value=str(text)):
            return re.match(r"\s*<(?!\?xml)", text) is not None
        case ast.Call(func=func, args=[first, *_]) if _name(func) in _RESPONSES:
            return _is_page(first)
        case ast.Call(func=func, args=args) if _name(func).rpartition(".")[2] in _FILES:
            texts = (arg.value for arg in args if isinstance(arg, ast.Constant))
            return any(".htm" in text for text in texts if isinstance(text, str))
    return False


def parse(text: str) -> ast.Module | None:
    """Return the syntax tree of a text, or ``None`` if it is no Python."""
    for _ in range(_ATTEMPTS):
        try:
            return ast.parse(text)
        except SystemError:  # before Python 3.13, another thread that parses can disturb this one
            continue
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            break
    return None


def _parse(function: Callable[..., Any]) -> tuple[ast.AST | None, int]:
    """The syntax tree of a function and its first line, if its source can be read."""
    code: Any = getattr(function, "__code__", None)
    try:
        lines, first = inspect.getsourcelines(code)
    except (OSError, TypeError, TokenError, IndexError):
        return None, 0  # it comes from exec, from C or from within an expression, or was edited
    tree = parse(textwrap.dedent("".join(lines)))
    return (tree.body[0], max(first, 1)) if tree is not None and tree.body else (None, 0)


def _own_nodes(tree: ast.AST | None) -> Iterator[Any]:
    """The nodes in the body of a function, without those of functions inside it."""
    if not isinstance(tree, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    rest: list[ast.AST] = list(tree.body)
    while rest:
        node = rest.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            rest = [*ast.iter_child_nodes(node), *rest]


def _answer(node: ast.AST) -> tuple[ast.expr | None, ast.expr | None]:
    """The body and the status of an answer, if the node is one."""
    match node:
        case ast.Return(value=ast.Tuple(elts=[body, status, *_])):
            return body, status
        case ast.Call(args=[body, *rest]) if _name(node.func) in _RESPONSES:
            named = (keyword.value for keyword in node.keywords if keyword.arg == "status")
            return body, next(named, rest[0] if rest else None)
    return None, None


def _name(node: ast.expr) -> str:
    return ast.unparse(node).removeprefix("flask.")


def _error_status(node: ast.expr | None) -> int | None:
    """An error status: a number, a text such as ``"404 Not Found"``, or an ``HTTPStatus``."""
    status: Any = None
    match node:
        case ast.Constant(value=str(text)):
            number = text.partition(" ")[0]
            status = int(number) if re.fullmatch("[0-9]{3}", number) else None
        case ast.Constant(value=status):
            pass
        case ast.Attribute(value=ast.Attribute(attr=name), attr="value") | ast.Attribute(attr=name):
            status = HTTPStatus.__members__.get(name) if "HTTPStatus" in _name(node) else None
    return int(status) if isinstance(status, int) and 400 <= status <= 599 else None


def _has_error(body: ast.expr) -> bool | None:
    """Whether a body has the member ``error``."""
    match body:
        case ast.Constant(value=str(text) | bytes(text)):
            return _is_object_with_error(text) if text else _UNKNOWN  # an empty body is filled
        case ast.JoinedStr() | ast.List():
            return False
        case ast.Dict(keys=keys):
            return _has_key(keys)
        case ast.Call(args=[argument], keywords=[]) if _name(body.func) in _BODY_MAKERS:
            return _has_error(argument)
        case ast.Call(args=[], keywords=keywords) if _name(body.func) in _BODY_MAKERS:
            return _has_key([keyword.arg and ast.Constant(keyword.arg) for keyword in keywords])
    return _UNKNOWN


def _is_object_with_error(text: str | bytes) -> bool:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(body, dict) and "error" in body


def _has_key(keys: list[Any]) -> bool | None:
    names = [key.value if isinstance(key, ast.Constant) else _UNKNOWN for key in keys]
    if "error" in names:
        return True
    return _UNKNOWN if None in names else False
