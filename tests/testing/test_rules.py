from __future__ import annotations

import pytest

from flask_apierrors._testing.answer import Answer
from flask_apierrors._testing.rules import broken_rules

JSON = ("Content-Type", "application/json")
PROBLEM = ("Content-Type", "application/problem+json")
COMPLETE = (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-store"))


def names(
    status: int, *headers: tuple[str, str], body: bytes = b'{"error": "No."}', method: str = "GET"
) -> list[str]:
    answer = Answer(method, "/x", (), b"", status, (*headers, *COMPLETE), body)
    return [rule.name for rule in broken_rules(answer)]


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (404, [JSON], b'{"error": "No."}'),
        (404, [PROBLEM], b'{"status": 404, "detail": "No."}'),
        (401, [JSON, ("WWW-Authenticate", 'Bearer realm="api"')], b'{"error": "No."}'),
        (401, [JSON, ("WWW-Authenticate", "Negotiate")], b'{"error": "No."}'),
        (405, [JSON, ("Allow", "POST")], b'{"error": "No."}'),
        (503, [JSON, ("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT")], b'{"error": "No."}'),
        (200, [JSON], b'{"error": null}'),
        (200, [JSON], b'{"error": "No.", "items": []}'),
        (200, [JSON], b"[]"),
        (200, [("Content-Type", "text/html")], b"<p>"),
        (204, [], b""),
    ],
)
def test_a_right_response_breaks_no_rule(
    status: int, headers: list[tuple[str, str]], body: bytes
) -> None:
    assert names(status, *headers, body=body) == []


@pytest.mark.parametrize(
    ("status", "body", "rule"),
    [
        (404, b"{", "json-malformed"),
        (200, b"[" * 100_000, "json-malformed"),
        (200, b"{", "json-malformed"),
        (204, b"{}", "content-forbidden"),
    ],
)
def test_json_is_checked_whatever_the_status(status: int, body: bytes, rule: str) -> None:
    assert names(status, JSON, body=body) == [rule]


def test_a_problem_that_is_no_object_or_no_json_is_reported() -> None:
    assert names(404, PROBLEM, body=b"[]") == ["status-differs"]
    assert names(404, PROBLEM, body=b"{") == ["json-malformed"]


def test_an_unknown_scheme_needs_no_parameter_and_bearer_does() -> None:
    assert names(401, JSON, ("WWW-Authenticate", "Bearer")) == ["challenge-bare"]
    assert names(401, JSON, ("WWW-Authenticate", " ")) == ["challenge-missing"]
