"""What leaves the app: each response is completed, whoever made it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Request, Response
from werkzeug.datastructures import Headers

from .adoption import adopt
from .errors import ApiError
from .header_fields import FIELDS_OF_EVERY_ERROR
from .http import HeaderPairs, header_pairs, merged_list
from .log_records import FAILED_ANSWER
from .problem import to_problem
from .ready_response import ReadyResponse, is_error, is_ready, is_whole, status_of
from .rendering import render, static_500
from .reports import announce, report
from .signals import error_answered, note_exception
from .state import (
    REQUEST_STATE,
    AppState,
    RequestState,
    current_request,
    request_id_of,
    request_state,
)
from .statuses import STATUSES

#: The attribute of a response that has the request ID which this package added.
_IDENTIFIED = "_apierrors_request_id"


def finish(app: AppState, process: Callable[..., Response], *args: Any) -> Response:
    """Complete each response, after all functions of ``after_request`` and the session's cookie.

    :param process: :meth:`flask.Flask.process_response`, which this wraps. A function of
        ``after_request`` would cost three times as much: Flask asks whether each is ``async def``.
    :param args: The response. Flask 3.2 passes the app context before it.
    """
    response = process(app.app_ref(), *args)
    req = current_request()
    state: RequestState | None = getattr(req, REQUEST_STATE, None)
    if state is not None:
        if state.complete is not None:
            state.complete(response, state)
        if state.negotiated_type is not None and not is_ready(response):
            _vary_on_accept(response.headers)
        if state.is_private and response.status_code < 400:
            response.headers.setdefault("Cache-Control", "private")
    if not isinstance(response, ReadyResponse):
        if app.config.url_prefixes and not app.config.covers(req.path):
            return response
        if response.status_code < 400:
            _identify(response, req, app)
            return response
    response = complete(response, req, app)
    if error_answered.receivers:
        announce(response, req, app)
    return response


def _identify(response: Response, req: Request, app: AppState) -> None:
    """Add the request ID, unless the author has set the header.

    A response that is kept, in a cache or in a variable, has the ID of an earlier request. It is
    replaced.
    """
    identifier = request_id_of(req, app)
    if identifier is None:
        return
    name: str = app.config.request_id_header  # type: ignore[assignment]
    headers, lower_name = response.headers, name.lower()
    for field, value in headers:  # `getlist` takes three times as long
        if field.lower() == lower_name:
            if value != getattr(response, _IDENTIFIED, None):
                return
            headers.remove(name)
            break
    headers.add(name, identifier)
    object.__setattr__(response, _IDENTIFIED, identifier)  # of a ready one, it stays ready


def _vary_on_accept(headers: Headers) -> None:
    # Much faster than `response.vary`, which parses the field and writes it again.
    for name, _ in headers:
        if name.lower() == "vary":
            headers["Vary"] = merged_list(*headers.getlist("Vary"), "Accept")
            return
    headers.add("Vary", "Accept")


def complete(response: Response, req: Request, app: AppState) -> Response:
    """Give an error the fields that it lacks, and a body if it has none, whoever made it.

    A 401 needs a challenge, a 405 its methods (RFC 9110 sections 15.5.2 and 15.5.6). A ready one
    lacks the request ID alone, and so does a response that is no error.
    """
    if isinstance(response, ReadyResponse) and len(vars(response)) == 1:  # is_ready, in place
        if app.config.request_id_header is not None:
            response.identify(app.config.request_id_header, request_id_of(req, app) or "")
        return response
    if not is_error(response):
        _identify(response, req, app)
        return response
    is_own = is_whole(response)
    if not is_own:
        response = _fill(response, req, app)
    headers = response.headers
    status = status_of(response)
    row = STATUSES.get(status)
    lacking = [name for name in row.fields if not headers.get(name)] if row else []
    if lacking:
        for name in lacking:
            headers.remove(name)
        fields = to_problem(ApiError(status=status), req, app).headers
        headers.extend([field for field in fields if field[0] in lacking])
    for name, value in FIELDS_OF_EVERY_ERROR:
        if is_own and name in headers:
            # The author, or an extension, may have added another after ours.
            headers[name] = headers.getlist(name)[-1]
        headers.setdefault(name, value)
    _identify(response, req, app)
    return response


def _fill(response: Response, req: Request, app: AppState) -> Response:
    """Give an error the body of the contract, if it has none or one that is adopted."""
    if response.direct_passthrough or not response.is_sequence:
        return response  # a file or a stream
    exc: ApiError | None = None
    if not any(response.response) or any(is_one(response) for is_one in app.default_responses):
        exc = ApiError(status=response.status_code)
    elif app.config.adopt and request_state(req, app).adopts:
        exc = adopt(response, app.config.adopt, app.config.max_errors)
    if exc is None:
        return response
    exc.headers = headers = header_pairs(response.headers)
    try:
        problem = to_problem(exc, req, app)
        if problem.status == 500:
            # A 500 hides the exception's headers, but these came from a response.
            problem = problem._replace(headers=headers)
        filled = render(problem, req, app)
    except Exception as failure:
        filled = last_resort(failure, req, app, headers)
    filled.call_on_close(response.close)
    return filled


def last_resort(
    failure: Exception, req: Request, app: AppState, headers: HeaderPairs = ()
) -> Response:
    """Answer when the answer itself failed: log why, and send a constant body."""
    note_exception(failure, req, app)
    report(failure, app, FAILED_ANSWER)
    return static_500(app, headers)
