"""Promises to users of flask-openapi3: its failed validations are those of the contract."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Response
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel, Field, ValidationError

from flask_apierrors import ApiErrors
from flask_apierrors._cli.doctor import diagnose
from tests.libraries.responses import SECRET, errors_in


class Header(BaseModel):
    x_depth: int = Field(default=1)


class Cookie(BaseModel):
    token: int = 1


class Path(BaseModel):
    number: int


class Query(BaseModel):
    page: int = 1


class Berth(BaseModel):
    depth: int


class Form(BaseModel):
    depth: int


class Quay(BaseModel):
    berths: list[Berth]


def new_app(
    *, first: bool = False, callback: Any = None, validate_response: bool = False, **config: Any
) -> OpenAPI:
    options: dict[str, Any] = {"validate_response": validate_response}
    if callback is not None:
        options["validation_error_callback"] = callback
    app = OpenAPI("shop", validation_error_status=config.pop("status", 422), **options)
    app.config.update(APIERRORS_MEMBERS=("error", "errors"))
    app.config.update(config)
    if first:
        ApiErrors(app)

    @app.get("/quays/<number>")
    def quay(header: Header, cookie: Cookie, path: Path, query: Query) -> dict[str, Any]:
        return {}

    @app.post("/quays", responses={200: Berth})
    def quays(body: Quay) -> dict[str, Any]:
        return {"depth": SECRET}

    @app.post("/form")
    def form(form: Form) -> dict[str, Any]:
        return {}

    if not first:
        ApiErrors(app)
    return app


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize(
    ("url", "headers", "place"),
    [
        ("/quays/1?page=hunter2", {}, ("page", "query")),
        ("/quays/hunter2", {}, ("number", "path")),
        ("/quays/1", {"X-Depth": SECRET}, ("X-Depth", "header")),
        ("/quays/1", {"Cookie": "token=hunter2"}, ("token", "cookie")),
    ],
)
def test_an_invalid_parameter_says_where(
    first: bool, url: str, headers: dict[str, str], place: tuple[str, str]
) -> None:
    client = new_app(first=first).test_client(use_cookies=False)
    (error,) = errors_in(client.get(url, headers=headers))
    assert (error["parameter"], error["in"]) == place


@pytest.mark.parametrize(
    ("url", "options", "pointer"),
    [
        ("/quays", {"json": {"berths": [{"depth": 1}, {"depth": SECRET}]}}, "#/berths/1/depth"),
        ("/quays", {"json": {}}, "#/berths"),
        ("/form", {"data": {"depth": SECRET}}, "#/depth"),
    ],
)
def test_an_invalid_body_has_pointers(url: str, options: dict[str, Any], pointer: str) -> None:
    (error,) = errors_in(new_app().test_client().post(url, **options))
    assert error["pointer"] == pointer


def test_malformed_json_says_where() -> None:
    answer = new_app().test_client().post("/quays", data="{", content_type="application/json")
    assert answer.status_code == 400
    assert answer.get_json()["error"].endswith("at line 1 column 2.")


def test_a_body_of_another_media_type_is_a_415() -> None:
    assert new_app().test_client().post("/quays", data="x").status_code == 415


def test_an_invalid_response_is_a_crash_that_tells_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = new_app(validate_response=True)
    answer = app.test_client().post("/quays", json={"berths": []})
    assert (answer.status_code, SECRET in answer.text) == (500, False)
    assert len(caplog.records) == 1


@pytest.mark.parametrize(("status", "expected"), [(422, 400), ("400", 400), (418, 418)])
def test_a_status_that_an_author_chose_stays(status: Any, expected: int) -> None:
    assert new_app(status=status).test_client().get("/quays/x").status_code == expected


def test_outside_the_prefixes_flask_openapi3_answers() -> None:
    answer = new_app(APIERRORS_URL_PREFIXES=("/api",)).test_client().get("/quays/x")
    assert answer.status_code == 422
    assert answer.get_json()[0]["loc"] == ["number"]


def test_a_callback_of_an_author_wins_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    def own_callback(error: ValidationError) -> Response:
        return Response("own", 418)

    app = new_app(callback=own_callback)
    with caplog.at_level("INFO"):
        answer = app.test_client().get("/quays/x")
    assert (answer.status_code, answer.text) == (418, "own")
    assert "own_callback (flask-openapi3)" in caplog.text
    assert "hiding-handler" in {finding.code for finding in diagnose(app)}


def test_doctor_names_no_callback_that_yields() -> None:
    app = new_app()
    app.test_client().get("/quays/1")
    assert "hiding-handler" not in {finding.code for finding in diagnose(app)}
