"""APIFairy: what its arguments and bodies find wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from flask import Flask

from .._core.errors import ApiError
from .._core.road import displace_handlers
from .._core.state import AppState
from .closures import closure_of


def adapt(app: Flask, state: AppState) -> Iterable[str]:
    """Answer invalid data, unless the author has an error handler for it.

    :returns: Nothing: an error handler of the author's is called by a handler of the app.
    """
    module: Any = sys.modules.get("apifairy.core")
    if module is None:
        return ()
    handler = app.error_handler_spec[None][None].get(module.ValidationError)
    closure = closure_of(handler, module.__name__, "http_error")
    if closure is not None:
        callback = closure["self"].error_handler_callback
        if getattr(callback, "__func__", None) is module.APIFairy.default_error_handler:
            state.converters.setdefault(module.ValidationError, _convert)
            displace_handlers(app, state, lambda other: other is handler)
        else:
            # The name of the author's function, for all who ask which handlers win.
            vars(handler)["__wrapped__"] = callback
    return ()


def _convert(error: Any) -> ApiError:
    """Convert invalid data to what webargs, which found it, aborts with."""
    status = error.status_code
    converted = ApiError(status=422 if status == 400 else status)
    vars(converted).update(data={"messages": error.messages}, exc=error.__context__)
    return converted
