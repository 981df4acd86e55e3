"""JSON bodies read strictly: whatever a client sends, a value or a 400 that says what is wrong."""

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

from .._core.errors import ApiError, Sentence
from .._core.http import HeaderPairs, header_pairs

_BOM = b"\xef\xbb\xbf"
_MAX_DEPTH = 100
_CONTAINERS = (dict, list)
#: A pair of surrogates; half a pair, which is the group; or any other escape.
_ESCAPE = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]|\\u([dD][89a-fA-F])|\\.", re.DOTALL)


class MalformedJson(ValueError):
    """What is wrong with a body, in words for its author."""


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedJson(f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise MalformedJson("a number is too large")
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)


class StrictJson:
    """JSON as RFC 8259 has it: UTF-8, no ``NaN``, no ``Infinity``, no number or nesting without bound.

    An app with a JSON provider of its own keeps it; the numbers of what it returns are checked.
    """

    __slots__ = ("_provider",)

    def __init__(self, provider: JSONProvider) -> None:
        self._provider = provider

    def dumps(self, value: Any, **options: Any) -> str:
        """What the provider makes of it."""
        return self._provider.dumps(value, **options)

    def loads(self, data: str | bytes) -> Any:
        """Decode a body.

        :raises MalformedJson: says what is wrong, and where.
        """
        text = _decoded(data)
        if not text.strip():
            raise MalformedJson("the body is empty")
        try:
            value = self._loads(text)
        except MalformedJson:
            raise
        except json.JSONDecodeError as error:
            raise MalformedJson(
                f"{error.msg} at line {error.lineno} column {error.colno}"
            ) from None
        except RecursionError:
            raise MalformedJson("it is nested too deeply") from None
        except ValueError as error:
            # CPython refuses integers of more than 4,300 digits (CVE-2020-10735) in words for programmers.
            what = (
                "an integer is too long"
                if "integer string" in str(error)
                else "it cannot be decoded"
            )
            raise MalformedJson(what) from None
        if text.count("[") + text.count("{") > _MAX_DEPTH:
            _check_depth(value)
        if "\\u" in text and any(escape[1] for escape in _ESCAPE.finditer(text)):
            # Allowed by the grammar (RFC 8259 section 8.2), but no store, log or answer can encode it.
            raise MalformedJson("a text holds half a surrogate pair")
        return value

    def _loads(self, text: str) -> Any:
        if getattr(self._provider.loads, "__func__", None) is DefaultJSONProvider.loads:
            return _DECODER.decode(text)
        value = self._provider.loads(text)
        _check_numbers(value)
        return value


def _decoded(data: str | bytes) -> str:
    if isinstance(data, str):
        return data
    try:
        return data.removeprefix(_BOM).decode()
    except UnicodeDecodeError as error:
        raise MalformedJson(f"it is not UTF-8 at byte {error.start}") from None


def _check_depth(value: Any) -> None:
    """Refuse what can be read, but not followed by code that calls itself for each level, as marshmallow does."""
    level = [value] if isinstance(value, _CONTAINERS) else []
    for _ in range(_MAX_DEPTH):
        parts = [item.values() if isinstance(item, dict) else item for item in level]
        level = [child for child in chain.from_iterable(parts) if isinstance(child, _CONTAINERS)]
        if not level:
            return
    raise MalformedJson("it is nested too deeply")


def _check_numbers(value: Any) -> None:
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)
        elif isinstance(item, float) and not math.isfinite(item):
            raise MalformedJson("a number is not finite")


class StrictJsonRequest(Request):
    """Flask's request, whose ``get_json`` answers each malformed body with a 400 that says what is wrong with it."""

    _provider: JSONProvider

    # Flask gives each request the app's provider through this attribute; few requests ever read it.
    @property  # type: ignore[override]
    def json_module(self) -> StrictJson:
        """The strict decoder over the app's JSON provider."""
        return StrictJson(self._provider)

    @json_module.setter
    def json_module(self, provider: JSONProvider) -> None:
        self._provider = provider

    def get_data(self, *args: Any, **options: Any) -> Any:
        """The body. A server's own errors for chunks that are none (gunicorn's are not ``OSError``) are a 400."""
        try:
            return super().get_data(*args, **options)
        except HTTPException:
            raise
        except Exception as broken:
            raise ClientDisconnected from broken

    def on_json_loading_failed(self, e: ValueError | None) -> Any:
        """Raise a 400, or a 415 when the body did not claim to be JSON."""
        if e is None:
            raise unsupported_media_type(("application/json",), self.method)
        raise ApiError(f"Malformed JSON: {e}.", status=400) from None


def unsupported_media_type(accepted: tuple[str, ...], method: str) -> ApiError:
    """A 415 that names what is taken (RFC 9110 section 15.5.16; for PATCH RFC 5789 section 2.2)."""
    sentence, headers = _refusal(accepted, method == "PATCH")
    return ApiError(sentence, status=415, headers=headers)


@cache
def _refusal(accepted: tuple[str, ...], patch: bool) -> tuple[Sentence, HeaderPairs]:
    listed = ", ".join(accepted)
    headers = header_pairs(
        {"Accept": listed, "Accept-Patch": listed} if patch else {"Accept": listed}
    )
    wanted = accepted[0] if len(accepted) == 1 else f"one of {listed}"
    return Sentence(f"Unsupported media type. Send Content-Type: {wanted}."), headers


def use_strict_json(app: Flask) -> None:
    """Give the app a request class that reads JSON strictly, over its own; one that reads JSON its own way is kept."""
    own = app.request_class
    if own is Request:
        app.request_class = StrictJsonRequest
    elif (
        own.on_json_loading_failed is Request.on_json_loading_failed
        and own.json_module is Request.json_module
    ):
        app.request_class = type(own.__name__, (StrictJsonRequest, own), {})
