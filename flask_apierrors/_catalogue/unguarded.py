"""The operations that nothing guards, as far as the catalogue knows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from flask import Flask

from .._core.hooks import is_named
from .._core.state import AppState
from .._guards.foreign import unknown_layers
from .catalogue import catalogue
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


def possible_guards(operation: Operation, state: AppState) -> tuple[str, ...]:
    """Return the names and places of the author's functions that may guard an operation."""
    names: dict[str, None] = {}
    for layer in unknown_layers(operation.endpoint, operation.method, state):
        code = getattr(layer, "__code__", None)
        if code is not None and not any(folder in code.co_filename for folder in _FOLDERS):
            names[f"{_decorator_name(layer)} ({place(code.co_filename, code.co_firstlineno)})"] = (
                None
            )
    return tuple(names)


def _decorator_name(layer: Any) -> str:
    """Return the name of the function in which a wrapper is defined."""
    code: Any = layer.__code__
    name: str = getattr(code, "co_qualname", code.co_name)  # since Python 3.11
    return name.partition(".<locals>")[0]


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
