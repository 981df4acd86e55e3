"""jsonschema: its ``ValidationError``."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from typing import Any

from flask import Request

from .._core.config import Config
from .._core.errors import FieldError
from .._core.origin import find, is_internal, likely_location
from .._core.sentences import NAMED, Sentence
from .._core.text import as_json
from .._core.validation import Invalid, Message, Path, Validator, describe_errors, field_error


class JsonSchema(Validator):
    """What jsonschema finds wrong."""

    def exceptions(self) -> tuple[type[Exception], ...]:
        """Return jsonschema's exception, if it is imported."""
        jsonschema = sys.modules.get("jsonschema.exceptions")
        return () if jsonschema is None else (jsonschema.ValidationError,)

    def functions(self) -> tuple[Callable[..., Any], ...]:
        """Return what validates, if jsonschema is imported."""
        jsonschema = sys.modules.get("jsonschema.validators")
        return () if jsonschema is None else (jsonschema.validate,)

    def is_internal(self, exc: Exception, req: Request) -> bool:
        """Whether a ``ValidationError`` is about data of the server's own."""
        return isinstance(exc, self.exceptions()) and is_internal(exc, req, data=exc)

    def describe(self, exc: Exception, req: Request, config: Config) -> Invalid | None:
        """Describe a ``ValidationError``."""
        if not isinstance(exc, self.exceptions()):
            return None
        return describe_errors(field_errors(exc, req, config), config.max_errors, config.text_of)


def field_errors(error: Any, req: Request, config: Config, root: Path = ()) -> list[FieldError]:
    """Make an error for each field that is missing or unknown, or else for the value itself.

    :param root: The path of the validated value in the request.
    """
    path = (*root, *error.absolute_path)
    place = find(path, lambda node: bool(node == error.instance), req)
    location, path = place or (likely_location(req), path)
    message = _message(error, config)
    paths = [(*path, name) for name in _names(error)] or [path]
    return [field_error(message, each, location, config.text_of) for each in paths]


def _names(error: Any) -> list[str]:
    """Return the names of the fields that an error about their object means."""
    value = error.validator_value
    if error.validator == "required" and isinstance(value, list):
        # There is one error for each name, and only its text says which.
        return [name for name in value if error.message.startswith(f"{name!r} ")]
    if error.validator == "additionalProperties":
        properties = error.schema.get("properties", {})
        patterns = error.schema.get("patternProperties", {})
        names = [name for name in error.instance if name not in properties]
        return [name for name in names if not any(re.search(each, name) for each in patterns)]
    return []


def _message(error: Any, config: Config) -> Message:
    """Make the message. jsonschema's own repeats the value."""
    keyword, value = error.validator, error.validator_value
    name = f"schema-{keyword}"
    if name in NAMED:
        values = value if isinstance(value, list) else [value]
        sentence = Sentence(name, value=", ".join(map(_words, values)))
        # The other keywords have no value that says more than their name.
        params = {keyword: value} if "{value}" in NAMED[name] else None
        return Message(config.text_of(sentence), keyword, params)
    if keyword is None or keyword in _keywords():
        return Message("", keyword)
    return Message(error.message)  # the author's


def _keywords() -> set[str]:
    """Return the keywords of JSON Schema."""
    jsonschema: Any = sys.modules["jsonschema"]
    drafts = [jsonschema.Draft3Validator, jsonschema.Draft7Validator]
    drafts.append(jsonschema.Draft202012Validator)
    return {keyword for draft in drafts for keyword in draft.VALIDATORS}


def _words(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(as_json(value))
