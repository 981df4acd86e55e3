"""The operations that nothing guards, as far as the catalogue knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from flask import Flask
from werkzeug.exceptions import HTTPException

from .._core.hooks import is_named
from .._core.state import AppState
from .._guards.foreign import hooks_before, inside, unknown_layers
from .._libraries.jwt_extended import verifies_token
from .catalogue import catalogue
from .exits import Exit, ExitReader
from .model import CONVERT, SOURCE, Operation
from .source import place

#: The folders of this package and of what is installed beside it.
_FOLDERS = (str(Path(__file__).parents[1]), "site-packages", "dist-packages")


def unguarded(operations: Iterable[Operation], state: AppState) -> Iterator[Operation]:
    """Yield the operations that let everyone in.

    Those that an author left open with ``except_`` are left out.
    """
    # A class that is converted into a 401 can be raised anywhere: it says nothing of this view. A
    # 401 in the source may be one of several ways through it: that is not enough if guards are
    # required.
    hints = {CONVERT} if state.hooks.unguarded is None else {CONVERT, SOURCE}
    for operation in operations:
        is_guarded = any(guard.authenticates for guard in operation.guards) or any(
            error.status == 401 and error.cause not in hints for error in operation.errors
        )
        if not is_guarded and not _is_left_open(operation.endpoint, state):
            yield operation


def _is_left_open(endpoint: str, state: AppState) -> bool:
    hooks = state.hooks
    guards = (*hooks.scopes, *hooks.declared_guards)
    names = [name for guard in guards if guard.authenticates for name in guard.exceptions]
    return is_named(endpoint, (*names, *(hooks.unguarded or ())))


def place_of_operation(operation: Operation) -> str:
    """Return the name of an operation for its author."""
    return f"{operation.method} {operation.rule} ({operation.endpoint})"


class PossibleGuard(NamedTuple):
    """A function of the author's that may guard an operation."""

    name: str
    place: str
    #: Whether its source can raise what refuses a request.
    refuses: bool

    def __str__(self) -> str:
        return f"{self.name} ({self.place})"


def possible_guards(
    operation: Operation, state: AppState, reader: ExitReader
) -> tuple[PossibleGuard, ...]:
    """Return the author's functions that may guard an operation, those that refuse first.

    :param reader: It reads in the source what they raise.
    """
    guards: dict[str, PossibleGuard] = {}
    hooks = list(hooks_before(operation.endpoint, state))
    for layer in unknown_layers(operation.endpoint, operation.method, state):
        code = getattr(layer, "__code__", None)
        if code is not None and not any(folder in code.co_filename for folder in _FOLDERS):
            where = place(code.co_filename, code.co_firstlineno)
            name = layer.__name__ if layer in hooks else _decorator_name(layer)
            refuses = _refuses(layer, operation.method, state, reader)
            # What wraps a function of before_request has its name.
            if name not in guards or refuses > guards[name].refuses:
                guards[name] = PossibleGuard(name, where, refuses)
    return tuple(sorted(guards.values(), key=lambda guard: not guard.refuses))


def _refuses(layer: Any, method: str, state: AppState, reader: ExitReader) -> bool:
    """Whether a function refuses requests by itself, and not by what it wraps."""
    inner = inside(layer)
    of_inner = reader.exits_of(inner, method) if inner is not None else ()
    return verifies_token(layer) or any(
        each not in of_inner and _is_refusal(each, state) for each in reader.exits_of(layer, method)
    )


def _is_refusal(each: Exit, state: AppState) -> bool:
    """Whether an exception can say 401 or 403, or is one that a handler answers."""
    error = each.error
    if error is None:
        return False
    if issubclass(error, HTTPException):
        return (each.status or error.code) in (401, 403)
    specs = state.app.error_handler_spec.values()
    answered = {cls for spec in specs for by_class in spec.values() for cls in by_class}
    answered |= state.displaced.keys()
    return any(cls in answered for cls in error.__mro__ if cls not in (Exception, BaseException))


def _decorator_name(layer: Any) -> str:
    """Return the name of the function, or of the class, in which a wrapper is defined."""
    code: Any = layer.__code__
    name: str = getattr(code, "co_qualname", code.co_name)  # since Python 3.11
    return name.partition(".<locals>")[0].removesuffix(".__call__")


def check_guards(app: Flask, state: AppState) -> None:
    """Check that all operations are guarded.

    :raises RuntimeError: if some are not. It lists them.
    """
    places = map(place_of_operation, unguarded(catalogue(app, hidden=True).operations, state))
    listed = ", ".join(places)
    if listed:
        raise RuntimeError(
            f"errors.require_guards: nothing guards {listed}. Guard these endpoints, declare their "
            "guards with errors.declare_guard, or name the endpoints in except_."
        )
