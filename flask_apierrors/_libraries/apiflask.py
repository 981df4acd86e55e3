"""APIFlask: the error responses that it writes into an OpenAPI document."""

from __future__ import annotations

from typing import Any

from .._core.errors import code_of_status


def declared_code(status: int, response: Any) -> str | None:
    """Return the code of an error response, if APIFlask wrote it.

    Its bodies refer to one schema for failed validations, or to another for all other errors.
    """
    if not isinstance(response, dict):
        return None
    bodies = response.get("content", {}).values()
    schemas = {body.get("schema", {}).get("$ref") for body in bodies}
    if schemas == {"#/components/schemas/ValidationError"}:
        return "validation-failed"
    return code_of_status(status) if schemas == {"#/components/schemas/HTTPError"} else None
