"""What is reported: crashes to the log and to Flask's signal, and each error by our own."""

from __future__ import annotations

import traceback
from functools import partial

from flask import Request, Response
from flask.signals import got_request_exception
from werkzeug.exceptions import HTTPException

from .adoption import adopt
from .config import SENTENCE_NAMES
from .errors import ApiError, Problem
from .http import header_pairs
from .log_records import CRASH, FAILED_RECEIVER
from .problem import to_problem
from .ready_response import status_of
from .rendering import locate
from .signals import error_answered
from .state import AppState, current_request, request_state


def report(exc: BaseException, app: AppState, message: str = CRASH) -> None:
    """Send ``got_request_exception`` and log an exception, as Flask does for a crash.

    A log filter or a receiver that raises takes the response from nobody. The log of the server
    gets its traceback.
    """
    req = current_request()
    try:
        got_request_exception.send(app.app, _async_wrapper=app.app.ensure_sync, exception=exc)
    except Exception:
        traceback.print_exc(file=req.environ.get("wsgi.errors"))
    try:
        app.app.logger.error(message, req.path, req.method, exc_info=exc)
    except Exception:
        traceback.print_exc(file=req.environ.get("wsgi.errors"))


def announce(response: Response, req: Request, app: AppState) -> None:
    """Send ``error_answered`` for a response that is about to leave. A success is none."""
    status = status_of(response)
    state = request_state(req, app)
    is_heard = error_answered.has_receivers_for(app.app) and not error_answered.is_muted
    if status < 400 or state.is_announced or not is_heard:
        return
    state.is_announced = True
    problem, exception = state.problem, state.exception
    state.problem = state.exception = None
    if problem is not None and problem.status != status:
        problem = exception = None  # of an error that became another
    try:
        if problem is None:
            problem = _problem_of(response, status, exception, req, app)
        problem = locate(problem, req, app)
    except Exception as failure:
        report(failure, app, FAILED_RECEIVER)
        return
    facts = {"problem": problem, "exception": exception, "response": response}
    for receiver in error_answered.receivers_for(app.app):
        try:
            app.call(partial(receiver, app.app, **facts))
        except Exception as failure:
            report(failure, app, FAILED_RECEIVER)


def _problem_of(
    response: Response, status: int, exception: BaseException | None, req: Request, app: AppState
) -> Problem:
    """Say what is known of an error whose body another function made."""
    exc: Exception | None = None
    if isinstance(exception, HTTPException) and exception.code == status:
        exc = exception
    elif response.is_sequence and not response.direct_passthrough:
        exc = adopt(response, SENTENCE_NAMES, app.config.max_errors)
    problem = to_problem(exc or ApiError(status=status), req, app)
    return problem._replace(status=status, headers=header_pairs(response.headers))
