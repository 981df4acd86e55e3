"""The validators that are supported."""

from __future__ import annotations

from .._core.validation import Validator
from .apiflask import ApiFlask
from .jsonschema import JsonSchema
from .marshmallow import Marshmallow
from .openapi3 import OpenApi3
from .pydantic import Pydantic
from .restful import Restful
from .restx import Restx
from .webargs import Webargs

VALIDATORS: tuple[Validator, ...] = (
    ApiFlask(),
    OpenApi3(),
    Marshmallow(),
    Restx(),
    Restful(),
    Webargs(),
    Pydantic(),
    JsonSchema(),
)


def validation_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of all validators that are no ``HTTPException``."""
    return tuple(cls for validator in VALIDATORS for cls in validator.exceptions())
