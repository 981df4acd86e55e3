"""JSON bodies, read strictly: the result is a value, or a 400 that says what is wrong."""

from __future__ import annotations

import json
import math
import re
from functools import cache
from itertools import chain
from typing import Any, NoReturn

from flask import Flask, Request
from flask.json.provider import DefaultJSONProvider, JSONProvider
from werkzeug.exceptions import ClientDisconnected, HTTPException

from .._core.errors import ApiError
from .._core.http import HeaderPairs, header_pairs
from .._core.request_headers import HeadersRequest
from .._core.sentences import Sentence

_BOM = b"\xef\xbb\xbf"
_MAX_DEPTH = 100
_CONTAINERS = (dict, list)
#: A pair of surrogates; half a pair, which is the group; or any other escape.
_ESCAPE = re.compile(
    r"\\u[dD][89abAB]..\\u[dD][c-fC-F]|\\u([dD][89a-fA-F])|\\.",
    re.DOTALL,
)


class MalformedJson(ValueError):
    """A body is not JSON.

    :param problem: What is wrong: the name of a sentence, and its values.
    """

    def __init__(self, problem: str, **values: object) -> None:
        self.problem = Sentence(problem, **values)
        super().__init__(str(self.problem))


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedJson("json-constant", constant=name)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise MalformedJson("json-number-size")
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


class StrictJson:
    """JSON as in RFC 8259: UTF-8, no ``NaN``, no ``Infinity``, bounded numbers and nesting.

    An app with a JSON provider of its own keeps it. The numbers that it returns are checked.
    """

    __slots__ = ("_provider",)

    def __init__(self, provider: JSONProvider) -> None:
        self._provider = provider

    def dumps(self, value: Any, **options: Any) -> str:
        """Encode a value with the provider."""
        return self._provider.dumps(value, **options)

    def loads(self, data: str | bytes) -> Any:
        """Decode a body.

        :raises MalformedJson: if it is not JSON.
        """
        text = _decode(data)
        if not text.strip():
            raise MalformedJson("json-empty")
        value = self._parse(text)
        if text.count("[") + text.count("{") > _MAX_DEPTH:
            _check_depth(value)
        if "\\u" in text and any(escape[1] for escape in _ESCAPE.finditer(text)):
            # RFC 8259 section 8.2 allows it, but no store, log or response can encode it.
            raise MalformedJson("json-surrogate")
        return value

    def _parse(self, text: str) -> Any:
        try:
            if getattr(self._provider.loads, "__func__", None) is DefaultJSONProvider.loads:
                return _DECODER.decode(text)
            value = self._provider.loads(text)
            _check_numbers(value)
            return value
        except MalformedJson:
            raise
        except json.JSONDecodeError as error:
            raise MalformedJson(
                "json-syntax", reason=error.msg, line=error.lineno, column=error.colno
            ) from None
        except RecursionError:
            raise MalformedJson("json-depth") from None
        except ValueError as error:
            # CPython refuses integers of more than 4,300 digits (CVE-2020-10735).
            is_long = "integer string" in str(error)
            problem = "json-integer-length" if is_long else "json-undecodable"
            raise MalformedJson(problem) from None


def _decode(data: str | bytes) -> str:
    if isinstance(data, str):
        return data
    try:
        return data.removeprefix(_BOM).decode()
    except UnicodeDecodeError as error:
        raise MalformedJson("json-encoding", byte=error.start) from None


def _check_depth(value: Any) -> None:
    """Refuse a value that code which recurses at each level, such as marshmallow, cannot follow."""
    level = [value] if isinstance(value, _CONTAINERS) else []
    for _ in range(_MAX_DEPTH):
        parts = [item.values() if isinstance(item, dict) else item for item in level]
        children = chain.from_iterable(parts)
        level = [child for child in children if isinstance(child, _CONTAINERS)]
        if not level:
            return
    raise MalformedJson("json-depth")


def _check_numbers(value: Any) -> None:
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)
        elif isinstance(item, float) and not math.isfinite(item):
            raise MalformedJson("json-number-infinite")


class StrictJsonRequest(HeadersRequest):
    """Flask's request, whose ``get_json`` answers a malformed body with a 400 that says why."""

    _provider: JSONProvider

    # Flask sets this attribute on each request, and few requests read it.
    @property  # type: ignore[override]
    def json_module(self) -> StrictJson:
        """The strict decoder over the app's JSON provider."""
        return StrictJson(self._provider)

    @json_module.setter
    def json_module(self, provider: JSONProvider) -> None:
        self._provider = provider

    def get_data(self, *args: Any, **options: Any) -> Any:
        """Return the body.

        A server's own exception for malformed chunks is a 400. gunicorn's is no ``OSError``.
        """
        try:
            return super().get_data(*args, **options)
        except HTTPException:
            raise
        except Exception as failure:
            raise ClientDisconnected from failure

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        """Raise a 400, or a 415 if the body does not claim to be JSON."""
        if e is None:
            raise unsupported_media_type(("application/json",), self.method)
        problem = e.problem if isinstance(e, MalformedJson) else e
        raise ApiError(Sentence("malformed-json", problem=problem), status=400) from None


def unsupported_media_type(accepted: tuple[str, ...], method: str) -> ApiError:
    """Return a 415 that names what is accepted.

    See RFC 9110 section 15.5.16, and RFC 5789 section 2.2 for PATCH.
    """
    sentence, headers = _refusal(accepted, method == "PATCH")
    return ApiError(sentence, status=415, headers=headers)


@cache
def _refusal(accepted: tuple[str, ...], is_patch: bool) -> tuple[Sentence, HeaderPairs]:
    types = ", ".join(accepted)
    headers = {"Accept": types, "Accept-Patch": types} if is_patch else {"Accept": types}
    is_one = len(accepted) == 1
    sentence = Sentence(415, accepted=types if is_one else Sentence("several-types", types=types))
    return sentence, header_pairs(headers)


def use_strict_json(app: Flask) -> None:
    """Let the app's request class read JSON strictly, unless it reads JSON in its own way."""
    own = app.request_class
    if own is Request:
        app.request_class = StrictJsonRequest
        return
    loads_as_flask = own.on_json_loading_failed is Request.on_json_loading_failed
    if loads_as_flask and own.json_module is Request.json_module:
        app.request_class = type(own.__name__, (StrictJsonRequest, own), {})
