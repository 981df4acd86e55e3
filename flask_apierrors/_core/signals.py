"""The signal ``error_answered``, and what is remembered of an error until it is sent."""

from __future__ import annotations

from blinker import NamedSignal, Namespace
from flask import Request
from werkzeug.exceptions import InternalServerError

from .state import AppState, request_state

error_answered: NamedSignal = Namespace().signal(
    "error-answered",
    "Sent once for each error that leaves an app: the app, `problem`, `exception` and `response`.",
)


def note_exception(exc: Exception, req: Request, app: AppState) -> None:
    """Remember what was raised, if somebody receives the signal.

    A reference from the request to the exception is a circle, which only the garbage collector
    takes apart. The signal ends it.
    """
    if error_answered.receivers:
        state = request_state(req, app)
        original = exc.original_exception if isinstance(exc, InternalServerError) else None
        state.exception, state.problem = original or exc, None
        state.is_announced = False
