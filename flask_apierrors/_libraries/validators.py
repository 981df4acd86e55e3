"""The validators that are supported."""

from __future__ import annotations

from .._core.validation import Validator
from . import apiflask, openapi3
from .jsonschema import JsonSchema
from .marshmallow import Marshmallow
from .pydantic import Pydantic
from .restful import Restful
from .restx import Restx
from .webargs import Webargs

VALIDATORS: tuple[Validator, ...] = (
    Marshmallow(),
    Restx(),
    Restful(),
    Webargs(),
    Pydantic((apiflask.VALIDATES_OUTPUT, openapi3.VALIDATES_OUTPUT)),
    JsonSchema(),
)


def validation_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of all validators that are no ``HTTPException``."""
    return tuple(cls for validator in VALIDATORS for cls in validator.exceptions())
