"""The validators that are supported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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


def failures() -> dict[Callable[..., Any], type[Exception]]:
    """Return what functions of validators raise for invalid data."""
    return {
        function: validator.exceptions()[0]
        for validator in VALIDATORS
        for function in validator.functions()
    }


def validation_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of all validators that are no ``HTTPException``."""
    return tuple(cls for validator in VALIDATORS for cls in validator.exceptions())
