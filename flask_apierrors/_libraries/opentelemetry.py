"""OpenTelemetry: the request ID is that of the active trace, and the span names its error."""

from __future__ import annotations

import sys
from typing import Any

from flask import Flask
from werkzeug.exceptions import HTTPException

from .._core.errors import Problem
from .._core.signals import error_answered
from .._core.state import AppState, current_request, request_id

#: The attribute of a request that has its problem and what was raised.
_ERROR = "_apierrors_error"


def adapt(app: Flask, state: AppState) -> tuple[()]:
    """Ask OpenTelemetry for the ID of the trace, and describe errors on its spans."""
    # The driver of Redis imports all but what traces. Each error would pay for it.
    if "opentelemetry.sdk.trace" in sys.modules and state.trace_id is None:
        state.trace_id = _trace_id
        error_answered.connect(_keep_error, app)
        app.teardown_request_funcs.setdefault(None, []).append(_describe_span)
    return ()


def _current_span() -> Any:
    return sys.modules["opentelemetry.trace"].get_current_span()


def _trace_id() -> str | None:
    """Return the ID of the active trace, as ``traceparent`` writes it."""
    context = _current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None


def _keep_error(sender: Flask, problem: Problem, exception: BaseException | None, **_: Any) -> None:
    setattr(current_request(), _ERROR, (problem, exception))


def _describe_span(crash: BaseException | None) -> None:
    """Add the request ID and the error to the span, just before it ends.

    The instrumentation of Flask sets ``error.type`` to the status when the response starts. It
    records a crash, but no exception that was converted.
    """
    req, span = current_request(), _current_span()
    problem, exception = vars(req).pop(_ERROR, (None, None))
    if not span.is_recording():
        return
    identifier = request_id()
    if identifier is not None:
        span.set_attribute("request_id", identifier)
    if problem is not None:
        span.set_attribute("error.type", problem.code)
        is_deliberate = exception is None or isinstance(exception, HTTPException)
        # The author may record it when `got_request_exception` is sent.
        is_recorded = any(event.name == "exception" for event in getattr(span, "events", ()))
        if crash is None and problem.status >= 500 and not is_deliberate and not is_recorded:
            span.record_exception(exception)
