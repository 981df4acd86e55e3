"""flask-smorest: the error responses that it writes into an OpenAPI document."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from .._core.errors import code_of_status


def declared_code(status: int, response: Any) -> str | None:
    """Return the code of an error response, if flask-smorest wrote it.

    It refers to a shared response by the name of the status. A 422 is a failed validation.
    """
    try:
        name = HTTPStatus(status).name
    except ValueError:
        return None
    if isinstance(response, dict):
        response = str(response.get("$ref")).removeprefix("#/components/responses/")
    if response != name:
        return None
    return "validation-failed" if status == 422 else code_of_status(status)
