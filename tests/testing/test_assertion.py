from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from flask import Flask, Response
from werkzeug.exceptions import NotFound
from werkzeug.test import TestResponse

from flask_apierrors import ApiError, ApiErrors, FieldError, ValidationFailed
from flask_apierrors._testing.answer import Answer
from flask_apierrors.testing import assert_error

PROBLEM = {"Accept": "application/problem+json"}
SENTENCE = "No vessel has the IMO number 7."


class VesselNotFound(ApiError, NotFound):
    pass


def stripe(problem: Any) -> Any:
    return {"error": {"message": problem.detail, "type": "invalid_request_error"}}


def xml(problem: Any) -> Any:
    return Response(f"<Error><Message>{problem.detail}</Message></Error>", mimetype="text/xml")


def listed(problem: Any) -> Any:
    return [{"code": problem.status, "texts": [problem.detail]}]


FORMATS: dict[str, tuple[dict[str, Any], Any]] = {
    "plain": ({}, None),
    "problem": ({"APIERRORS_FORMAT": "problem"}, None),
    "members": ({"APIERRORS_MEMBERS": {"message": "error", "success": False}}, None),
    "stripe": ({}, stripe),
    "xml": ({}, xml),
    "list": ({}, listed),
    "without IDs": ({"APIERRORS_REQUEST_ID_HEADER": None, "APIERRORS_FORMAT": "problem"}, None),
}


def make(name: str = "plain") -> Flask:
    config, function = FORMATS[name]
    app = Flask("app")
    app.config.update(config)
    errors = ApiErrors(app)
    if function is not None:
        errors.format(function)

    @app.get("/vessels/<int:imo>")
    def vessel(imo: int) -> Any:
        raise VesselNotFound(f"No vessel has the IMO number {imo}.")

    @app.post("/vessels")
    def add() -> Any:
        raise ValidationFailed(
            FieldError.at(["name"], "Too short."),
            FieldError("Not a number.", parameter="limit", location="query"),
        )

    return app


def get(name: str = "plain", path: str = "/vessels/7", **options: Any) -> TestResponse:
    return make(name).test_client().get(path, **options)


def failure_of(response: Any, *args: Any, **expected: Any) -> list[str]:
    with pytest.raises(AssertionError) as caught:
        assert_error(response, *args, **expected)
    return str(caught.value).splitlines()


@pytest.mark.parametrize("name", FORMATS)
def test_an_error_is_recognized_in_every_format(name: str) -> None:
    response = get(name)
    assert_error(
        response,
        404,
        "vessel-not-found",
        detail=SENTENCE,
        headers={
            "Cache-Control": "no-store",
            "X-None": None,
            "Content-Type": re.compile("json|xml"),
        },
    )
    assert_error(response, 404, detail=re.compile("IMO number [0-9]+"))
    assert failure_of(response, 404, "not-found")[:4] == [
        "This is another response:",
        "  status: 404",
        "- code: not-found",
        "+ code: vessel-not-found",
    ]
    assert "- detail: Sold." in failure_of(response, 404, detail="Sold.")
    assert "- detail: Sold" in failure_of(response, 404, detail=re.compile("Sold"))


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "without IDs"])
def test_each_place_that_is_invalid_is_recognized(name: str) -> None:
    response = make(name).test_client().post("/vessels")
    assert_error(response, 400, "validation-failed", pointer="#/name")
    assert_error(response, 400, parameter="limit", pointer="#/name")
    assert failure_of(response, 400, parameter="to", pointer="#/age")[2:6] == [
        "- parameter: to",
        "+ parameter: limit",
        "- pointer: #/age",
        "+ pointer: #/name",
    ]
    assert "+ parameter: None" in failure_of(get(name), 404, parameter="to")


def test_a_failure_shows_the_request_and_the_response() -> None:
    response = get(headers={"X-Request-ID": "ship-7"})
    lines = failure_of(response, 409)
    assert lines[:3] == ["This is another response:", "- status: 409", "+ status: 404"]
    assert "curl -i -X GET -H 'X-Request-Id: ship-7' http://localhost/vessels/7" in lines
    assert "X-Request-ID: ship-7" in lines
    assert lines[-1] == f'{{"error":"{SENTENCE}"}}'


def test_a_header_is_compared() -> None:
    response = get()
    assert "+ Allow: None" in failure_of(response, 404, headers={"Allow": "GET"})
    assert "+ Vary: Accept" in failure_of(response, 404, headers={"Vary": None})


def test_a_head_request_has_its_code_without_a_body() -> None:
    response = make().test_client().head("/vessels/7")
    assert_error(response, 404, "vessel-not-found", detail=SENTENCE)


def test_a_sentence_that_was_not_sent_is_no_detail() -> None:
    app = Flask("silent")
    ApiErrors(app).format(lambda problem: {"code": problem.code, "status": problem.status})
    response = app.test_client().get("/")
    assert_error(response, 404, "not-found")
    assert "+ detail: None" in failure_of(
        response, 404, detail="The requested resource does not exist."
    )


def test_a_response_of_another_client_is_read() -> None:
    with httpx.Client(transport=httpx.WSGITransport(make()), base_url="http://api") as client:
        response = client.get("/vessels/7")
    assert_error(response, 404, "vessel-not-found", detail=SENTENCE)


@pytest.mark.parametrize(
    ("body", "media_type", "code", "detail"),
    [
        ('{"error": "No."}', "application/json", None, "No."),
        ('{"error": {"message": "No.", "code": 7}}', "application/json", None, "No."),
        ('{"message": "No.", "code": "gone"}', "application/json", "gone", "No."),
        ('{"detail": "No.", "type": "/errors/gone"}', "application/problem+json", "gone", "No."),
        ('{"detail": "No.", "errors": {}}', "application/problem+json", None, "No."),
        ('{"error": 5, "description": ["No."]}', "application/json", None, None),
        ("[]", "application/json", None, None),
        ("{", "application/json", None, None),
        ("No.", "text/plain", None, None),
    ],
)
def test_a_response_of_another_process_says_what_its_body_says(
    body: str, media_type: str, code: str | None, detail: str | None
) -> None:
    fields = (("Content-Type", media_type),)
    answer = Answer("GET", "http://api/", (), b"", 404, fields, body.encode())
    lines = failure_of(answer, 404, "expected", detail="expected", pointer="#/x")
    assert f"+ code: {code}" in lines
    assert f"+ detail: {detail}" in lines
