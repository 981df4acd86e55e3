"""The road of an exception: from what is raised to the response, in named steps.

Flask calls :func:`handle`. ``error_response`` is the table of contents of everything after it.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any

from flask import Flask, Request, Response
from werkzeug.exceptions import HTTPException, InternalServerError

from .completion import complete, last_resort
from .errors import ApiError
from .hooks import Converter
from .problem import own_response, to_problem, writes_own_body
from .rendering import render
from .reports import announce, report
from .signals import error_answered, note_exception
from .state import AppState, app_state, current_flask, current_request, request_state
from .validation import Validator

#: Stands for the converter of a library's exception that is one of the contract, too: it is kept.
KEEP: Any = object()


def handle(exc: Exception, app: AppState) -> Any:
    """Answer an exception: this is what Flask's error handlers call.

    :returns: What a view may return.
    :raises Exception: ``exc`` itself, if it is Flask's to answer.
    """
    req = current_request()
    if app.config.url_prefixes and not app.config.covers(req.path):
        return leave_to_flask(exc, req, app)
    if isinstance(exc, HTTPException) and current_flask().trap_http_exception(exc):
        leave_to_debugger(exc)
    return error_response(exc, req, app)


def leave_to_debugger(exc: HTTPException) -> None:
    """Raise what ``TRAP_HTTP_EXCEPTIONS`` and ``TRAP_BAD_REQUEST_ERRORS`` make a crash."""
    if not _is_crash(exc):
        raise exc


def error_response(exc: Exception, req: Request, app: AppState) -> Any:
    """Answer an exception in the contract. Never raises.

    A redirect, and an exception with a response of its own, pass unchanged. An ``ApiError`` with a
    status below 400 is a mistake of its author, and a 500.
    """
    if error_answered.receivers:
        note_exception(exc, req, app)
    try:
        converter = find_converter(exc, app)
        converted = exc if converter is None else run_converter(converter, exc, app)
        if isinstance(converted, Response):
            report_server_error(converted.status_code, exc, converted, app)
            return converted
        if isinstance(converted, HTTPException):
            code = converted.code
            # A class whose `__init__` does not call that of HTTPException has no `response`.
            response = getattr(converted, "response", None)
            if response is not None:
                if app.config.adopt:
                    request_state(req, app).adopts = False
                return _copy(response)
            if writes_own_body(type(converted)):  # type: ignore[arg-type]
                own = own_response(converted, req)
                if own is not None:
                    report_server_error(own.status_code, exc, converted, app)
                    return own
            if isinstance(code, int) and code < 400 and not isinstance(converted, ApiError):
                return converted
        problem = to_problem(converted, req, app)
        if problem.status >= 500:
            report_server_error(problem.status, exc, converted, app)
        return render(problem, req, app)
    except Exception as failure:
        return last_resort(failure, req, app)


def find_converter(exc: Exception, app: AppState) -> Converter | None:
    """Return the converter for the nearest class of an exception: the author's, or a library's."""
    own, for_libraries = app.hooks.converters, app.converters
    if own or for_libraries:
        for cls in type(exc).__mro__:
            converter = own.get(cls) or for_libraries.get(cls)
            if converter is not None or cls is HTTPException:
                # A missing form field is an HTTPException before it is a KeyError.
                return None if converter is KEEP else converter
    return None


def run_converter(converter: Converter, exc: Exception, app: AppState) -> Exception | Response:
    """Call a converter, which may return or raise an exception, or return a response.

    :raises Exception: if the converter crashes, or returns what no view may return.
    """
    try:
        converted = app.call(converter, exc)
    except HTTPException as raised:
        return raised
    if isinstance(converted, Exception):
        return converted
    if converted is None:
        raise TypeError(
            f"The converter of {type(exc).__name__} returned None. Return an HTTPException, or "
            "what a view may return."
        )
    is_response = isinstance(converted, Response)
    response: Response = (_copy if is_response else current_flask().make_response)(converted)
    return response


def report_server_error(status: int, exc: Exception, converted: object, app: AppState) -> None:
    """Report a 500, and a 5xx that an exception was converted to.

    An author who raises a 503 knows why. Flask has reported a crash already.
    """
    is_reported = status == 500 or (status > 500 and converted is not exc)
    if is_reported and not _is_crash(exc):
        report(exc, app)


def _is_crash(exc: Exception) -> bool:
    """Whether Flask's ``handle_exception`` made it, which logged and signaled the cause."""
    return isinstance(exc, InternalServerError) and exc.original_exception is not None


def _copy(response: Any) -> Any:
    """Copy a response with its headers: what Flask adds must not stay on a shared one."""
    twin = copy(response)
    twin.headers = response.headers.copy()
    return twin


# -- whose exception it is


class Handler(partial[Any]):
    """An error handler of this package, among those of the author and of other extensions."""

    __slots__ = ()


def register_handler(
    app: Flask,
    cls: type[Exception],
    state: AppState,
    function: Callable[[Exception, AppState], Any] = handle,
) -> None:
    """Handle a class of exceptions, unless the author does.

    A handler by code would win over a blueprint's for ``HTTPException``, so none is registered by
    code: ``register_error_handler`` would, for a class with a code.
    """
    app.error_handler_spec[None][None].setdefault(cls, Handler(function, app=state))


def displace_handlers(
    app: Flask, state: AppState, is_default: Callable[[Callable[..., Any]], bool]
) -> None:
    """Handle what the default handlers of another extension handle.

    They still answer outside ``APIERRORS_URL_PREFIXES``.
    """
    handlers = app.error_handler_spec[None][None]
    for cls, handler in handlers.items():
        if is_default(handler):
            state.displaced[cls] = handler
            handlers[cls] = Handler(handle, app=state)


def register_validators(app: Flask, state: AppState) -> None:
    """Handle the exceptions of the libraries that validate, as far as they are imported."""
    for validator in state.validators:
        for cls in validator.exceptions():
            register_handler(app, cls, state, partial(handle_validation_error, validator))


def handle_validation_error(validator: Validator, exc: Exception, app: AppState) -> Any:
    """Answer an invalid request. Invalid data of the server's own is a crash.

    The traceback is dropped then, unless a debugger needs it. The frame of marshmallow that raised
    the exception refers to it, and that circle would keep the request in memory until the garbage
    collector runs.
    """
    req = current_request()
    if validator.is_internal(exc, req) and find_converter(exc, app) is None:
        return leave_to_flask(exc, req, app)
    answer = handle(exc, app)
    if not app.app.debug and app.config.covers(req.path):
        exc.__traceback__ = None
    return answer


def is_answer(exc: Exception) -> bool:
    """Whether the contract has an answer for an exception, which then is no crash."""
    if isinstance(exc, HTTPException):
        return not current_flask().trap_http_exception(exc)
    by_class = current_flask().error_handler_spec[None][None]
    handlers = (by_class[cls] for cls in type(exc).__mro__ if cls in by_class)
    return isinstance(next(handlers, None), Handler)


def leave_to_flask(exc: Exception, req: Request, app: AppState) -> Any:
    """Go on as if this package had no handler: ask that of somebody else for the nearest class."""
    by_class = current_flask().error_handler_spec[None][None]
    for cls in type(exc).__mro__:
        handler = by_class.get(cls)
        if isinstance(handler, Handler):
            handler = app.displaced.get(cls)
        if handler is not None:
            return app.call(handler, exc)
    return page(exc, req, app)


def page(exc: Exception, req: Request, app: AppState) -> Any:
    """Return Flask's own page for an exception.

    :raises Exception: ``exc`` itself, if Flask has no page for it.
    """
    if not isinstance(exc, HTTPException):
        raise exc
    if current_flask().trap_http_exception(exc):
        leave_to_debugger(exc)
    if not isinstance(exc, ApiError):
        return exc
    # An HTML page needs its challenge and its Allow, too. The exception may be shared: the page
    # gets them.
    response = exc.get_response(req.environ)
    fields = to_problem(exc, req, app).headers
    for name, _ in fields:
        response.headers.remove(name)
    for name, value in fields:
        response.headers.add(name, value)
    return response


def handle_group(exc: Exception, app: AppState) -> Any:
    """Answer the one exception in a group, such as that of a ``TaskGroup``, as if it were raised.

    Several exceptions have several answers: that is a crash.
    """
    req = current_request()
    leaf: Any = exc
    while len(getattr(leaf, "exceptions", ())) == 1:
        (leaf,) = leaf.exceptions
    is_alone = leaf is not exc and isinstance(leaf, Exception)
    if is_alone and app.config.covers(req.path) and is_answer(leaf):
        return current_flask().handle_user_exception(leaf)
    return leave_to_flask(exc, req, app)


# -- what is raised where Flask asks no handler


def wrap_method(app: Flask, wrapper: Callable[..., Response], name: str) -> None:
    """Let a function run instead of a method of an app.

    :param wrapper: Takes the method, whose first parameter is the app, and the arguments.
    """
    # Another extension may have replaced the method. A bound method would keep the app alive.
    own = vars(app).get(name)
    method = getattr(type(app), name) if own is None else lambda app, *args: own(*args)
    setattr(app, name, partial(wrapper, method))


def handle_exception(flask_handle: Callable[..., Response], *args: Any) -> Response:
    """Answer what is raised in ``after_request``, ``open_session``, a URL converter or a handler.

    Flask takes each of them for a crash. This wraps :meth:`flask.Flask.handle_exception`.

    :param flask_handle: The method that is wrapped.
    :param args: The exception. Flask 3.2 passes the app context before it.
    """
    *context, exc = args
    flask_app: Any = current_flask()
    app = app_state()
    if not app.config.covers(current_request().path):
        return flask_handle(flask_app, *args)
    note_exception(exc, current_request(), app)
    cause = exc if is_answer(exc) else _late_answer(exc, app)
    if cause is None:
        return _handle_crash(flask_handle, context, exc, app)
    try:
        answer = flask_app.make_response(flask_app.handle_user_exception(*context, cause))
    except Exception as failure:
        return _handle_crash(flask_handle, context, failure, app)
    return _finalize(answer, context, cause, app)


def _late_answer(exc: Exception, app: AppState) -> Exception | None:
    """Return the exception to answer instead of a crash, if a library is to blame for that."""
    for find in app.client_mistakes:
        mistake = find(exc, current_request())
        if mistake is not None:
            return mistake
    if type(exc).__module__ == "builtins":
        return None
    register_validators(app.app, app)  # one may have been imported since the app was made
    return exc if is_answer(exc) else None


def _handle_crash(
    flask_handle: Callable[..., Response], context: list[Any], exc: Exception, app: AppState
) -> Response:
    """Let Flask answer a crash. Answer if a monitor, or an author's handler for 500, fails."""
    flask_app, req = current_flask(), current_request()
    try:
        response = flask_handle(flask_app, *context, exc)
    except Exception as failure:
        propagates = flask_app.config["PROPAGATE_EXCEPTIONS"]
        if propagates is None:
            propagates = flask_app.testing or flask_app.debug
        if failure is exc or propagates:
            raise
        return _finalize(last_resort(failure, req, app), context, failure, app)
    return _leave(response, req, app)


def _finalize(answer: Response, context: list[Any], exc: Exception, app: AppState) -> Response:
    """Call the functions of ``after_request``. The one that raised ``exc`` may raise it again."""
    flask_app: Any = current_flask()
    try:
        answer = flask_app.finalize_request(*context, answer)
    except Exception as failure:
        if type(failure) is not type(exc):
            report(failure, app, "Finishing the response to %s [%s] failed")
    return _leave(answer, current_request(), app)


def _leave(response: Response, req: Request, app: AppState) -> Response:
    """Complete what left without ``finish`` if a function of ``after_request`` failed."""
    response = complete(response, req, app)
    if error_answered.receivers:
        announce(response, req, app)
    return response
