"""Where validated data came from, and so whose mistake it is: the client's or the server's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from flask import Request, has_request_context
from werkzeug.datastructures import Headers

from .http import has_content, is_bodiless
from .pointer import MISSING, child_of
from .request_headers import ALL, RequestHeaders
from .state import REQUEST_STATE, RequestState, current_flask, current_request, request_state
from .text import as_text
from .validation import Locate, Path

#: Header fields that Flask reads by itself.
_OF_FLASK = {"cookie", "host"}


@contextmanager
def internal(classes: tuple[type[Exception], ...]) -> Iterator[None]:
    """Remember that an exception of these classes is the server's mistake."""
    try:
        yield
    except classes as exc:
        if has_request_context():
            request_state(current_request()).internal_error = exc
        raise


def is_internal(exc: Exception, req: Request, data: object) -> bool:
    """Whether invalid data is the server's own.

    It is if the author said so, or if the app read nothing of the request.

    :param data: The data. ``None``: it is not known, as in an exception that an author raises.
    """
    state: RequestState | None = getattr(req, REQUEST_STATE, None)
    if state is not None and state.internal_error is exc:
        return True
    if data is None or data is req.view_args or data is req.headers or req.url_rule is None:
        return False  # without a rule, a URL converter may have raised it
    return not _is_read(req)


def _is_read(req: Request) -> bool:
    """Whether the app read anything of a request."""
    read = vars(req)
    if req.view_args or "args" in read or "stream" in read or _names_read(req) - _OF_FLASK:
        return True
    if "cookies" not in read:
        return False
    # If there can be a session, Flask has read its cookie.
    app = current_flask()
    return not app.secret_key or bool(req.cookies.keys() - {app.config["SESSION_COOKIE_NAME"]})


def _names_read(req: Request) -> frozenset[str]:
    """Return the header fields that the app read. If that is not known, all of them."""
    headers = req.headers
    return headers.names_read if isinstance(headers, RequestHeaders) else frozenset({ALL})


def locate(data: object, req: Request) -> Locate:
    """Return a function that finds the location of each value of validated data.

    It compares the data with what the app read of the request. To read more could fail, and would
    cost more than the validation.
    """
    if data is not None and "stream" in vars(req) and data is _json(req):
        return lambda path: None  # most data is the body
    names_read = _names_read(req)  # now, because to compare reads more
    likely = likely_location(req)
    sources = [(location, source) for location, source in _sources(req) if source is not None]
    whole = [location for location, source in sources if source is data] or [
        location for location, source in sources if _holds_all(source, data)
    ]
    if whole:
        return lambda path: whole[0]

    def location_of(path: Path) -> str | None:
        name = path[0] if path else None
        for location, source in sources:
            if _holds(source, name, data):
                return location
        return "header" if str(name).lower() in names_read else likely

    return location_of


def find(
    path: Path,
    is_value: Callable[[object], bool],
    req: Request,
    locations: Collection[str | None] | None = None,
) -> tuple[str | None, Path] | None:
    """Find a value in what the app read.

    :param path: Its path. A step that leads nowhere is a word of the library's, and is left out.
    :param is_value: Whether a value is the one.
    :param locations: Where to look. ``None``: everywhere.
    :returns: Its location and its path in the request, if it is there.
    """
    for location, source in _plain_sources(req):
        if locations is not None and location not in locations:
            continue
        steps: list[str | int] = []
        node = source
        for step in path:
            below = child_of(node, step)
            if below is not MISSING:
                steps.append(step)
                node = below
        if _is_true(is_value, node):
            return location, tuple(steps)
    return None


def _is_true(is_value: Callable[[object], bool], node: object) -> bool:
    try:
        return bool(is_value(node))
    except Exception:  # a comparison that fails
        return False


def _plain_sources(req: Request) -> Iterator[tuple[str | None, Any]]:
    """Yield what the app read as dicts: with first values, and with lists of all values."""
    for location, source in _sources(req):
        if not source:
            continue
        if not hasattr(source, "getlist"):
            yield location, source
            continue
        first = dict(source.items())
        yield location, first
        if isinstance(source, Headers):
            yield location, {name.lower(): value for name, value in first.items()}
        else:
            yield location, dict(source.lists())


def _sources(req: Request) -> Iterator[tuple[str | None, Any]]:
    """Yield what the app read, and its location. ``None`` is the body."""
    read = vars(req)
    yield "path", req.view_args
    if "stream" in read:
        yield None, _json(req)
        yield None, read.get("form")
        yield None, read.get("files")
    yield "query", read.get("args")
    if _names_read(req):
        yield "header", req.headers
    yield "cookie", read.get("cookies")


def _json(req: Request) -> Any:
    try:
        return req.get_json(silent=True)
    except Exception:
        return None


def _holds_all(source: Any, data: Any) -> bool:
    if not isinstance(data, Mapping) or not data:
        return False
    return all(_holds(source, name, data) for name in data)


def _holds(source: Any, name: object, data: Any) -> bool:
    """Whether a source has the value that the data has under this name, perhaps as a text."""
    try:
        value = data[name]
        if hasattr(source, "getlist"):
            values = source.getlist(name)
            return bool(values) and (value == values or as_text(value) in values)
        return bool(source[name] == value)
    except Exception:
        return False


def likely_location(req: Request) -> str | None:
    """Guess the location of a value that the request does not have: a place that the app read."""
    read = vars(req)
    is_body_read = "stream" in read or "content-type" in _names_read(req)
    if is_body_read and not is_bodiless(req):
        return None
    return None if has_content(req) and "args" not in read else "query"
