"""What the tests of validators look for in a response."""

from __future__ import annotations

from typing import Any

from werkzeug.test import TestResponse

PROBLEM = {"Accept": "application/problem+json"}
#: A text that clients send, and that no response may repeat.
SECRET = "hunter2"


def errors_in(response: TestResponse) -> list[dict[str, Any]]:
    assert response.status_code == 400, response.text
    assert SECRET not in response.text
    errors: list[dict[str, Any]] = response.get_json()["errors"]
    return errors
