"""The error bodies of well-known APIs can be made, byte for byte, and OpenAPI shows them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from flask import Flask, Response

from flask_apierrors import ApiError, ApiErrors, Problem

pytest.importorskip("apispec", reason="needs the openapi extra")

from flask_apierrors.openapi import add_errors

Shape = Callable[[Problem], Any]


def stripe(problem: Problem) -> dict[str, Any]:
    kind = "invalid_request_error" if problem.status < 500 else "api_error"
    error = {"code": problem.code.replace("-", "_"), "message": problem.detail, "type": kind}
    return {"error": error | dict(problem.extensions)}


def google(problem: Problem) -> dict[str, Any]:
    reason = problem.code.replace("-", "_").upper()
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "example.com",
    }
    error = {"code": problem.status, "message": problem.detail, "status": reason, "details": [info]}
    return {"error": error}


def github(problem: Problem) -> dict[str, Any]:
    return {
        "message": problem.detail,
        "documentation_url": "https://docs.example.com",
        "status": str(problem.status),
    }


def json_api(problem: Problem) -> Response:
    error = {"status": str(problem.status), "code": problem.code, "detail": problem.detail}
    body = json.dumps({"errors": [error]}, separators=(",", ":"))
    return Response(body, content_type="application/vnd.api+json")


def twilio(problem: Problem) -> dict[str, Any]:
    return {
        "code": problem.extensions.get("number", 20404),
        "message": problem.detail,
        "more_info": "https://docs.example.com/20404",
        "status": problem.status,
    }


@pytest.mark.parametrize(
    ("shape", "media_type", "body"),
    [
        (
            stripe,
            "application/json",
            b'{"error":{"code":"not_found","message":"No berth.",'
            b'"type":"invalid_request_error","param":"berth"}}\n',
        ),
        (
            google,
            "application/json",
            b'{"error":{"code":404,"message":"No berth.","status":"NOT_FOUND","details":'
            b'[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"NOT_FOUND",'
            b'"domain":"example.com"}]}}\n',
        ),
        (
            github,
            "application/json",
            b'{"message":"No berth.","documentation_url":"https://docs.example.com",'
            b'"status":"404"}\n',
        ),
        (
            json_api,
            "application/vnd.api+json",
            b'{"errors":[{"status":"404","code":"not-found","detail":"No berth."}]}',
        ),
        (
            twilio,
            "application/json",
            b'{"code":20404,"message":"No berth.",'
            b'"more_info":"https://docs.example.com/20404","status":404}\n',
        ),
    ],
)
def test_a_function_makes_the_body_of_another_api(
    shape: Shape, media_type: str, body: bytes
) -> None:
    app, errors = make()
    errors.format(shape)
    response = app.test_client().get("/berths/7")
    assert (response.status_code, response.content_type) == (404, media_type)
    assert response.data == body
    assert list(documented(app)) == [media_type, "application/problem+json"]


@pytest.mark.parametrize(
    ("members", "body"),
    [
        ({"message": "error"}, b'{"message":"No berth."}\n'),
        ({"message": "error", "success": False}, b'{"message":"No berth.","success":false}\n'),
        (
            {"error": "error", "code": "code", "extensions": "extensions"},
            b'{"error":"No berth.","code":"not-found","param":"berth"}\n',
        ),
    ],
    ids=["Flask-RESTX", "success", "with the members of the error"],
)
def test_configuration_makes_the_body_of_another_api(members: dict[str, Any], body: bytes) -> None:
    app, _ = make(APIERRORS_MEMBERS=members)
    assert app.test_client().get("/berths/7").data == body
    assert documented(app)["application/json"]["schema"] == {
        "$ref": "#/components/schemas/ErrorBody"
    }


def make(**config: Any) -> tuple[Flask, ApiErrors]:
    app = Flask("harbor")
    app.config.update(config)
    errors = ApiErrors(app)

    @app.get("/berths/<int:number>")
    def berth(number: int) -> NoReturn:
        raise ApiError("No berth.", status=404, param="berth")

    return app, errors


def documented(app: Flask) -> dict[str, Any]:
    """Return what OpenAPI says of the 404."""
    document = add_errors({"openapi": "3.1.0", "paths": {"/berths/{number}": {"get": {}}}}, app)
    response = document["paths"]["/berths/{number}"]["get"]["responses"]["404"]
    name = response["$ref"].rpartition("/")[2]
    content: dict[str, Any] = document["components"]["responses"][name]["content"]
    return content
