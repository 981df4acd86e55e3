"""Flask-Principal: a permission that is denied is a 403."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask

from .._core.errors import ApiError
from .._core.marks import Mark
from .._core.road import register_handler
from .._core.state import AppState
from .._core.words import sentence_of
from .closures import closure_of


def adapt(app: Flask, state: AppState) -> Iterable[str]:
    """Answer ``PermissionDenied``, which is a crash otherwise."""
    module = sys.modules.get("flask_principal")
    if module is not None:
        state.converters[module.PermissionDenied] = _refusal
        register_handler(app, module.PermissionDenied, state)
    return ()


def _refusal(exc: Exception) -> ApiError:
    return ApiError(status=403)  # the text of the exception is a `repr`


def guard_mark(wrapper: Callable[..., Any]) -> Mark | None:
    """Tell what ``@permission.require()`` means."""
    variables = closure_of(wrapper, "flask_principal", "_decorated")
    if variables is None:
        return None
    context = variables["self"]
    needs = tuple(sorted(_words_of(need) for need in context.permission.needs))
    code = context.http_exception or 403
    return Mark(
        "require",
        needs,
        statuses=(code,) if isinstance(code, int) else (),
        errors=(code,) if isinstance(code, type) else (),
        condition=f"Needs {' or '.join(f'`{need}`' for need in needs)}." if needs else "",
        # An anonymous identity provides nothing.
        authenticates=bool(needs),
    )


def _words_of(need: Any) -> str:
    """Return the parts of a need, such as ``role admin``. Never the ``repr`` of an object."""
    parts = need if isinstance(need, tuple) else (need,)
    return " ".join(sentence_of(part) or type(part).__name__ for part in parts if part is not None)
