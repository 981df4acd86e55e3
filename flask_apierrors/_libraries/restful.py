"""Flask-RESTful: its answers to errors in resources, and what its argument parser finds wrong."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from inspect import isbuiltin
from typing import Any

from flask import Flask, Request, Response
from werkzeug.exceptions import HTTPException

from .._core.config import Config
from .._core.errors import ApiError, FieldError
from .._core.first_request import name_of
from .._core.origin import likely_location
from .._core.sentences import Sentence
from .._core.state import AppState, current_flask, current_request
from .._core.validation import Invalid, Message, Validator, failed_validation, field_error
from .frames import variables_of


def adapt(app: Flask, state: AppState) -> Iterable[str]:
    """Let each ``Api`` leave errors to the app, unless the author answers them there."""
    module: Any = sys.modules.get("flask_restful")
    for api in () if module is None else apis_of(app, module.Api):
        if yields(api, module.Api, lambda api, exc: type(exc).__name__ in api.errors):
            yield from (f"errors[{name!r}] of an Api (Flask-RESTful)" for name in api.errors)
        else:
            yield f"{name_of(api.handle_error)} (Flask-RESTful)"


class Restful(Validator):
    """What the argument parser of Flask-RESTful finds wrong."""

    def describe(self, exc: Exception, req: Request, config: Config) -> Invalid | ApiError | None:
        """Describe the messages by argument."""
        messages = data_of(exc).get("message")
        return describe_arguments(exc, messages, "flask_restful.reqparse", req, config)


# -- the answers of an Api. Flask-RESTX, which began as a copy, has the same methods.


def apis_of(app: Flask, cls: type) -> Iterator[Any]:
    """Yield each ``Api`` that answers errors before the app does."""
    handler = vars(app).get("handle_user_exception")
    while isinstance(handler, partial) and handler.args:
        api = getattr(handler.func, "__self__", None)
        if isinstance(api, cls):
            yield api
        handler = handler.args[-1]


def yields(api: Any, cls: Any, is_authors: Callable[[Any, Exception], bool]) -> bool:
    """Let an ``Api`` leave errors to the app.

    :param cls: The class of the library.
    :param is_authors: Whether an author has an answer to an exception in an ``Api``.
    :returns: ``False`` if the author answers all of them.
    """
    own = vars(api).get("handle_error")
    if own is None and type(api).handle_error is cls.handle_error:
        api.handle_error = partial(_leave, api, is_authors)
        api._has_fr_route = partial(_owns_request, api._has_fr_route)
        return True
    return isinstance(own, partial) and own.func is _leave


def _leave(api: Any, is_authors: Callable[[Any, Exception], bool], exc: Exception) -> Any:
    """Raise an exception for the app to answer, unless it is not the contract's."""
    app = current_flask()
    state: AppState | None = app.extensions.get("apierrors")
    is_covered = state is not None and state.config.covers(current_request().path)
    if not is_covered or is_authors(api, exc):
        return type(api).handle_error(api, exc)
    if getattr(exc, "code", None) == 401:
        # The author may have asked for a challenge.
        return _challenge(app.make_response(type(app).handle_user_exception(app, exc)), api)
    raise exc


def _owns_request(ask: Callable[[], bool]) -> bool:
    """Ask an ``Api`` whether a request is one of its own. That of an unknown host is not."""
    try:
        return ask()
    except HTTPException:  # the Host is not trusted
        return False


def _challenge(response: Response, api: Any) -> Response:
    """Add the challenge of an ``Api``, if it has one, to those of the response."""
    challenges = response.headers.getlist("WWW-Authenticate")
    response = api.unauthorized(response)
    for value in challenges:
        if value not in response.headers.getlist("WWW-Authenticate"):
            response.headers.add("WWW-Authenticate", value)
    return response


# -- the argument parser


def data_of(exc: Exception) -> Mapping[str, Any]:
    """Return what the ``abort`` of a library hangs on an exception."""
    data = vars(exc).get("data")
    return data if isinstance(data, Mapping) else {}


def describe_arguments(
    exc: Exception, messages: object, module: str, req: Request, config: Config
) -> ApiError | None:
    """Describe the messages of an argument parser.

    :param messages: A text by the name of each argument. Anything else is not the parser's.
    :param module: The name of the library's module ``reqparse``.
    """
    if not isinstance(messages, Mapping):
        return None
    arguments = {
        argument.name: argument
        for variables in variables_of(exc, module, "parse_args")
        for argument in variables["self"].args
    }
    if not arguments.keys() >= messages.keys():
        return None
    errors = [
        _argument_error(arguments[name], text, req, config) for name, text in messages.items()
    ]
    return failed_validation(errors, exc.code, config)  # type: ignore[attr-defined]


def _argument_error(argument: Any, text: str, req: Request, config: Config) -> FieldError:
    source = argument.source(req)
    has_lists = hasattr(source, "getlist")
    values = source.getlist(argument.name) if has_lists else [source.get(argument.name)]
    if argument.choices and "is not a valid choice" in text:
        choices = ", ".join(map(str, argument.choices))
        text = config.text_of(Sentence("schema-enum", value=choices))
    elif not _is_authors(argument.type):
        text = _PYTHONS_OWN.sub(
            lambda match: config.text_of(
                Sentence("schema-type", value="number" if match["float"] else "integer")
            ),
            _without(values, text),
        )
    location = _location_of(argument, req)
    return field_error(Message(text), (argument.name,), location, config.text_of)


#: What Python's own types say of a text.
_PYTHONS_OWN = re.compile(
    r"invalid literal for int\(\) with base \d+: …|(?P<float>could not convert string to float: …)"
)


def _is_authors(kind: Any) -> bool:
    """Whether an author wrote the type of an argument, and so the text of its errors.

    A function in C is never his: other libraries replace those of Python by their own.
    """
    if isbuiltin(kind):
        return False
    package = str(getattr(kind, "__module__", None) or "builtins").partition(".")[0]
    return package not in (*sys.stdlib_module_names, "flask_restful", "flask_restx", "werkzeug")


def _without(values: Iterable[object], text: str) -> str:
    """Leave what was sent out of a text."""
    parts = [part.strip() for value in values for part in (str(value), *str(value).split(","))]
    for part in sorted({*parts} - {""}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w)'?{re.escape(part)}'?(?!\w)", "…", text, flags=re.IGNORECASE)
    return text


def _location_of(argument: Any, req: Request) -> str | None:
    """Return where an argument is, or else where it was probably expected."""
    names = argument.location
    names = {names} if isinstance(names, str) else {*names}
    if "values" in names:
        names = {*names, "args", "form"} - {"values"}
    for name in names & _LOCATIONS.keys():
        if argument.name in getattr(req, name):
            return _LOCATIONS[name]
    locations = {_LOCATIONS.get(name) for name in names}
    return locations.pop() if len(locations) == 1 else likely_location(req)


#: The attributes of a request -> OpenAPI's ``in``. The others are in the body.
_LOCATIONS = {"args": "query", "headers": "header", "cookies": "cookie", "view_args": "path"}
