"""marshmallow: its ``ValidationError``."""

from __future__ import annotations

import sys
from typing import Any

from flask import Request

from .._core.config import Config
from .._core.validation import Invalid, describe, location_of


class Marshmallow:
    """What marshmallow finds wrong."""

    def exceptions(self) -> tuple[type[Exception], ...]:
        """Return marshmallow's exception."""
        from marshmallow import ValidationError

        return (ValidationError,)

    def describe(self, exc: Exception, req: Request, config: Config) -> Invalid | None:
        """Describe a ``ValidationError``."""
        if not is_validation_error(exc):
            return None
        error: Any = exc
        # Only the normalized messages have the name of a single field.
        is_of_schema = error.field_name == "_schema"
        messages: object = error.messages if is_of_schema else error.normalized_messages()
        location = location_of(error.data, req)
        return describe(messages, config.max_errors, location, error.data, config.text_of)


def example_error() -> Exception:
    """Make an error for the examples of the catalogue."""
    from marshmallow import ValidationError

    return ValidationError({"limit": ["Not a valid integer."]})


def is_validation_error(exc: object) -> bool:
    """Whether an exception is marshmallow's. If marshmallow is not imported, none is."""
    marshmallow = sys.modules.get("marshmallow")
    return marshmallow is not None and isinstance(exc, marshmallow.ValidationError)
