"""JSON bodies, read strictly: the result is a value, or a 400 that says what is wrong."""

from __future__ import annotations

import json
import math
import re
from functools import cache
from itertools import chain
from typing import Any, NoReturn

from flask import current_app
from flask.json.provider import DefaultJSONProvider, JSONProvider

from .._core.errors import ApiError
from .._core.http import HeaderPairs, header_pairs
from .._core.sentences import Sentence

_BOM = b"\xef\xbb\xbf"
_MAX_DEPTH = 100
_CONTAINERS = (dict, list)
#: The fields beside ``Accept`` that name the media types of a body, by method.
_ACCEPT_FIELDS = {"PATCH": "Accept-Patch", "QUERY": "Accept-Query"}
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


class JsonDecoder:
    """JSON as in RFC 8259: UTF-8, no ``NaN``, no ``Infinity``, bounded numbers and nesting.

    An app with a JSON provider of its own keeps it. The numbers that it returns are checked.

    :param provider: The app's JSON provider.
    :param is_strict: Whether to accept only JSON as in RFC 8259. Otherwise, the provider decides.
    """

    __slots__ = ("_is_strict", "_provider")

    def __init__(self, provider: JSONProvider, is_strict: bool = True) -> None:
        self._provider = provider
        self._is_strict = is_strict

    def dumps(self, value: Any, **options: Any) -> str:
        """Encode a value with the provider."""
        return self._provider.dumps(value, **options)

    def loads(self, data: str | bytes) -> Any:
        """Decode a body.

        :raises MalformedJson: if it is not JSON.
        """
        if not self._is_strict:
            return self._parse(data)
        text = _text(data)
        value = self._parse(text)
        if text.count("[") + text.count("{") > _MAX_DEPTH:
            _check_depth(value)
        if "\\u" in text and any(escape[1] for escape in _ESCAPE.finditer(text)):
            # RFC 8259 section 8.2 allows it, but no store, log or response can encode it.
            raise MalformedJson("json-surrogate")
        return value

    def _parse(self, text: str | bytes) -> Any:
        if not text.strip():
            raise MalformedJson("json-empty")
        try:
            return self._decode(text)
        except MalformedJson:
            raise
        except json.JSONDecodeError as error:
            raise MalformedJson(
                "json-syntax", reason=error.msg, line=error.lineno, column=error.colno
            ) from None
        except UnicodeDecodeError as error:
            raise MalformedJson("json-encoding", byte=error.start) from None
        except RecursionError:
            raise MalformedJson("json-depth") from None
        except ValueError as error:
            # CPython refuses integers of more than 4,300 digits (CVE-2020-10735).
            is_long = "integer string" in str(error)
            problem = "json-integer-length" if is_long else "json-undecodable"
            raise MalformedJson(problem) from None
        except Exception as error:
            if not _is_refusal(error):
                raise
            raise MalformedJson("json-undecodable") from error

    def _decode(self, text: Any) -> Any:
        loads = self._provider.loads
        if not self._is_strict:
            return loads(text)
        if getattr(loads, "__func__", None) is DefaultJSONProvider.loads:
            return _DECODER.decode(text)
        value = loads(text)
        _check_numbers(value)
        return value


def _is_refusal(error: Exception) -> bool:
    """Whether a decoder's exception is one of its own, and no bug or error of the author's."""
    handlers = current_app.error_handler_spec.values() if current_app else ()
    handled = {cls for by_code in handlers for cls in by_code.get(None, ())} - {Exception}
    return type(error).__module__ != "builtins" and not isinstance(error, tuple(handled))


def _text(data: str | bytes) -> str:
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


def unsupported_media_type(accepted: tuple[str, ...], method: str) -> ApiError:
    """Return a 415 that names what is accepted.

    See RFC 9110 section 15.5.16, RFC 5789 section 2.2 for PATCH, and RFC 10008 for QUERY.
    """
    sentence, headers = _refusal(accepted, _ACCEPT_FIELDS.get(method))
    return ApiError(sentence, status=415, headers=headers)


@cache
def _refusal(accepted: tuple[str, ...], field: str | None) -> tuple[Sentence, HeaderPairs]:
    types = ", ".join(accepted)
    headers = {"Accept": types} | ({field: types} if field else {})
    is_one = len(accepted) == 1
    sentence = Sentence(415, accepted=types if is_one else Sentence("several-types", types=types))
    return sentence, header_pairs(headers)


def unsupported_encoding() -> ApiError:
    """Return a 415 for a compressed body (RFC 9110 section 15.5.16)."""
    headers = {"Accept-Encoding": "identity"}
    return ApiError(Sentence("unsupported-encoding"), status=415, headers=headers)
