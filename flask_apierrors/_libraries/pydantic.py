"""pydantic 2: its ``ValidationError``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from flask import Request

from .._core.config import Config
from .._core.errors import ApiError, FieldError, FieldErrors
from .._core.origin import find, is_internal, likely_location
from .._core.state import app_state, current_request
from .._core.text import as_text
from .._core.validation import (
    Invalid,
    LazyErrors,
    Message,
    Validator,
    describe_errors,
    failed_validation,
    field_error,
)
from .frames import variables_of

#: Errors that are about what is not there. Their value is that of the parent.
MISSING_TYPES = ("missing", "missing_argument", "missing_keyword_only_argument")
#: Errors of a validator of the author's, whose text pydantic puts after words of its own.
_OF_AUTHOR = ("value_error", "assertion_error")
#: Where the part of a text begins that repeats what was sent, or names a class of the server's.
_REPEATED = {
    "dataclass_type": " or an instance",
    "get_attribute_error": ":",
    "iteration_error": ", error",
    "mapping_type": ", error",
    "model_type": " or instance",
    "timezone_offset": ", got",
    "union_tag_invalid": " '",
    "uuid_parsing": ",",
}
#: What the schema says. Everything else in the context may be what was sent.
_PARAMS = frozenset(
    {
        "decimal_places",
        "discriminator",
        "expected",
        "expected_schemes",
        "expected_tags",
        "ge",
        "gt",
        "le",
        "lt",
        "max_digits",
        "max_length",
        "min_length",
        "multiple_of",
        "pattern",
        "tz_expected",
        "whole_digits",
    }
)


class Pydantic(Validator):
    """What pydantic finds wrong.

    :param output_functions: The functions of other libraries that validate responses: the module of
        each, and its name there.
    """

    def __init__(self, output_functions: Collection[tuple[str, str]]) -> None:
        self._output_functions = output_functions

    def exceptions(self) -> tuple[type[Exception], ...]:
        """Return pydantic's exception, if it is imported."""
        pydantic = sys.modules.get("pydantic_core")
        return () if pydantic is None else (pydantic.ValidationError,)

    def functions(self) -> tuple[Callable[..., Any], ...]:
        """Return what validates, if pydantic is imported."""
        pydantic = sys.modules.get("pydantic")
        if pydantic is None:
            return ()
        model, adapter = pydantic.BaseModel, pydantic.TypeAdapter
        return (
            model.model_validate.__func__,
            model.model_validate_json.__func__,
            adapter.validate_python,
            adapter.validate_json,
        )

    def is_internal(self, exc: Exception, req: Request) -> bool:
        """Whether a ``ValidationError`` is about data of the server's own."""
        return isinstance(exc, self.exceptions()) and (
            is_internal(exc, req, data=exc)
            or any(any(variables_of(exc, *function)) for function in self._output_functions)
        )

    def describe(self, exc: Exception, req: Request, config: Config) -> Invalid | None:
        """Describe a ``ValidationError``."""
        if not isinstance(exc, self.exceptions()):
            return None
        details: list[dict[str, Any]] = exc.errors(include_url=False)  # type: ignore[attr-defined]
        most = config.max_errors
        errors = [_field_error(detail, req, config) for detail in details[:most]]
        invalid = describe_errors(errors, most, config.text_of)
        rest = details[most:]
        reported = FieldErrors(
            invalid.errors, lambda: [_field_error(detail, req, config) for detail in rest]
        )
        return invalid._replace(errors=reported, more=len(rest))


def validation_failed(
    parts: Iterable[tuple[str | None, Sequence[dict[str, Any]]]],
    status: int,
    headers: Mapping[str, Any] | None = None,
) -> ApiError:
    """Return the exception for errors that another library keeps by location.

    :param parts: Locations, and the errors of a ``ValidationError`` there.
    :param status: The status of that library.
    :param headers: Header fields that the author chose.
    """
    req, config = current_request(), app_state().config
    details = [(detail, location) for location, errors in parts for detail in errors]
    errors = LazyErrors(lambda part: _field_error(part[0], req, config, part[1:]), details)
    return failed_validation(errors, status, config, headers)


def _field_error(
    detail: dict[str, Any],
    req: Request,
    config: Config,
    locations: Sequence[str | None] | None = None,
) -> FieldError:
    path, value = tuple(detail["loc"]), detail.get("input")
    if locations == ("header",) and path:
        path = (str(path[0]).replace("_", "-").title(), *path[1:])
    name = path[-1:] if detail["type"] in MISSING_TYPES else ()
    if path[-1:] == ("[key]",):
        path = path[:-1]
        place = find(path[:-1], lambda node: value in node, req, locations)  # type: ignore[operator]
        name = path[-1:]
    else:
        place = find(path[: len(path) - len(name)], lambda node: node == value, req, locations)
    if place is not None:
        location, path = place[0], place[1] + name
    else:
        location = locations[0] if locations else likely_location(req)
    context = detail.get("ctx", {})
    params = {key: context[key] for key in context if key in _PARAMS}
    message = Message(_text(detail), detail["type"], params or None)
    return field_error(message, path, location, config.text_of)


def _text(detail: dict[str, Any]) -> str:
    """Return the message, without what was sent. It is empty if nothing else is left."""
    text: str = detail["msg"]
    kind = detail["type"]
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, dict):
        cause = Exception(cause.get("message"))  # its copy in an error that was made for JSON
    if kind in _OF_AUTHOR and isinstance(cause, Exception):
        # Python's own repeat a text in quotation marks: invalid literal for int(): 'x'.
        sent, text = detail["input"], as_text(cause)
        return "" if isinstance(sent, str) and repr(sent) in text else text
    if kind in _REPEATED:
        text = text.partition(_REPEATED[kind])[0]
    return text if text.endswith((".", "!", "?")) else f"{text}."
