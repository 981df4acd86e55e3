"""The road of an exception: from what is raised to the response, in named steps.

Flask calls :func:`handle`. ``error_response`` is the table of contents of everything after it.
"""

from __future__ import annotations

import copyreg
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar

from flask import Flask, Request, Response
from flask.signals import got_request_exception
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException, InternalServerError

from .errors import ApiError
from .hooks import Converter
from .http import header_pairs, merged_list
from .log_records import CRASH, FAILED_ANSWER
from .problem import to_problem
from .ready_response import ReadyResponse, is_ready, is_whole
from .rendering import render, static_500
from .state import REQUEST_STATE, AppState, RequestState, app_state, current_flask, current_request

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def handle(exc: Exception, app: AppState) -> Any:
    """Answer an exception: this is what Flask's error handlers call.

    :returns: What a view may return.
    :raises Exception: ``exc`` itself, if it is Flask's to answer.
    """
    req = current_request()
    flask_app = current_flask()
    if app.config.url_prefixes and not app.config.covers(req.path):
        return leave_to_flask(exc, req, app)
    if not _is_crash(exc):
        if isinstance(exc, HTTPException) and flask_app.trap_http_exception(exc):
            raise exc  # TRAP_HTTP_EXCEPTIONS and TRAP_BAD_REQUEST_ERRORS: for a debugger
        catch_all = flask_app.error_handler_spec[None][None].get(Exception)
        if catch_all is not None and find_converter(exc, app) is None:
            returned = app.call(catch_all, exc)
            if returned is not exc:
                return returned
    return error_response(exc, req, app)


def error_response(exc: Exception, req: Request, app: AppState) -> Any:
    """Answer an exception in the contract. Never raises.

    A redirect, and an exception with a response of its own, pass unchanged. An ``ApiError`` with a
    status below 400 is a mistake of its author, and a 500.
    """
    try:
        converter = find_converter(exc, app)
        converted = exc if converter is None else app.call(converter, exc)
        if isinstance(converted, HTTPException):
            code = converted.code
            if converted.response is not None:
                return _copy(converted.response)
            if isinstance(code, int) and code < 400 and not isinstance(converted, ApiError):
                return converted
        problem = to_problem(converted, req, app)
        if problem.status >= 500:
            report_server_error(problem.status, exc, converted, app)
        return render(problem, req, app)
    except Exception as failure:
        return last_resort(failure, req, app)


def leave_to_flask(exc: Exception, req: Request, app: AppState) -> Any:
    """Go on as if there were no handler, outside ``APIERRORS_URL_PREFIXES``."""
    if not isinstance(exc, HTTPException):
        raise exc
    if not isinstance(exc, ApiError):
        return exc
    # An HTML page needs its challenge and its Allow, too. The exception may be shared: the page
    # gets them.
    page = exc.get_response(req.environ)
    fields = to_problem(exc, req, app).headers
    for name, _ in fields:
        page.headers.remove(name)
    for name, value in fields:
        page.headers.add(name, value)
    return page


def find_converter(exc: Exception, app: AppState) -> Converter | None:
    """Return the converter for the nearest class of an exception: the author's, or a library's."""
    own, for_libraries = app.hooks.converters, app.converters
    if own or for_libraries:
        for cls in type(exc).__mro__:
            converter = own.get(cls) or for_libraries.get(cls)
            if converter is not None or cls is HTTPException:
                # A missing form field is an HTTPException before it is a KeyError.
                return converter
    return None


def report_server_error(status: int, exc: Exception, converted: Exception, app: AppState) -> None:
    """Report a 500, and a 5xx that an exception was converted to.

    An author who raises a 503 knows why. Flask has reported a crash already.
    """
    if not _is_crash(exc) and (status == 500 or converted is not exc):
        report(exc, app)


def _is_crash(exc: Exception) -> bool:
    """Whether Flask's ``handle_exception`` made it, which logged and signalled the cause."""
    return isinstance(exc, InternalServerError) and exc.original_exception is not None


def report(exc: BaseException, app: AppState, message: str = CRASH) -> None:
    """Log an exception and send ``got_request_exception``, as Flask does for a crash."""
    req = current_request()
    app.app.logger.error(message, req.path, req.method, exc_info=exc)
    got_request_exception.send(app.app, _async_wrapper=app.app.ensure_sync, exception=exc)


def last_resort(failure: Exception, req: Request, app: AppState) -> Response:
    """Answer when the answer itself failed: log why, and send a constant body."""
    report(failure, app, FAILED_ANSWER)
    return static_500(req, app)


def _copy(response: Any) -> Any:
    """Copy a response with its headers: what Flask adds must not stay on a shared one."""
    twin = copy(response)
    twin.headers = response.headers.copy()
    return twin


# -- what leaves the app


def finish(response: Response) -> Response:
    """Complete each response: fields that guards ask for, and a body for an error without one."""
    req = current_request()
    state: RequestState | None = getattr(req, REQUEST_STATE, None)
    if state is not None:
        if state.complete is not None:
            state.complete(response, state)
        if state.negotiated_type is not None and not is_ready(response):
            _vary_on_accept(response.headers)
    if not is_whole(response) and response.status_code >= 400 and _is_empty(response):
        app = app_state()
        if app.config.covers(req.path):
            return _fill(response, req, app)
    return response


def _vary_on_accept(headers: Headers) -> None:
    # Much faster than `response.vary`, which parses the field and writes it again.
    values = headers.getlist("Vary")
    if values:
        headers["Vary"] = merged_list(*values, "Accept")
    else:
        headers.add("Vary", "Accept")


def _is_empty(response: Response) -> bool:
    is_sent_as_is = response.direct_passthrough or not response.is_sequence
    return not is_sent_as_is and not any(response.response)


def _fill(response: Response, req: Request, app: AppState) -> Response:
    """Give a body to an error that a view, or another extension, returned without one."""
    try:
        exc = ApiError(status=response.status_code, headers=response.headers)
        problem = to_problem(exc, req, app)
        if problem.status == 500:
            # A 500 hides the exception's headers, but these came from a response.
            problem = problem._replace(headers=header_pairs(response.headers))
        return render(problem, req, app)
    except Exception as failure:
        return last_resort(failure, req, app)


# -- exceptions that are returned


class ReturnedErrors:
    """Answers exceptions that a view or a handler returns, as if it had raised them.

    It is a part of the app's response class. Flask calls ``force_type`` for what is neither text,
    JSON nor a response of that class. An exception without a code gets there even if it is raised.
    """

    #: The class that the author would have without this one.
    author_class: ClassVar[type[Response]] = Response

    @classmethod
    def force_type(cls, response: Any, environ: WSGIEnvironment | None = None) -> Any:
        """Convert a WSGI application, or a response of another class, to this class."""
        if isinstance(response, cls.author_class):
            return response
        if isinstance(response, HTTPException):
            req, app = current_request(), app_state()
            answer = error_response(response, req, app) if app.config.covers(req.path) else response
            if answer is not response:
                return answer
        return super().force_type(response, environ)  # type: ignore[misc]

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Copied and pickled as the author's class: a cache cannot import this one by its name.
        own = vars(type(self)).get("author_class", type(self))
        reduced: Any = super().__reduce_ex__(protocol)
        function, args, *rest = reduced
        if function is copyreg.__newobj__:  # type: ignore[attr-defined]
            function, args = own.__new__, (own, *args[1:])
        return function, args, *rest


class FlaskResponse(ReturnedErrors, Response):
    """Flask's response class, for apps that have no other."""

    author_class: ClassVar[type[Response]] = Response


FlaskResponse.__name__ = FlaskResponse.__qualname__ = "Response"


class ReadyFlaskResponse(ReadyResponse, FlaskResponse):
    """A ready response, of the app's class: Flask converts any other."""

    author_class = ReadyResponse


def use_response_class(app: Flask, state: AppState) -> None:
    """Let the app's response class answer exceptions that are returned."""
    own = app.response_class
    if own is Response:
        app.response_class = FlaskResponse
        state.stand_ins[FlaskResponse] = ReadyFlaskResponse
    else:
        app.response_class = type(own.__name__, (ReturnedErrors, own), {"author_class": own})
