"""Promises to users of Flask-Pydantic: its failed validations are those of the contract."""

# Flask-Pydantic reads the annotations of views, and no text in their place.
from typing import Any

import pytest
from flask import Flask
from flask_pydantic import ValidationError, validate
from pydantic import BaseModel, field_validator

from flask_apierrors import ApiErrors
from tests.libraries.responses import SECRET, errors_in


class Query(BaseModel):
    page: int = 1


class Berth(BaseModel):
    depth: int
    name: str = ""

    @field_validator("name")
    @classmethod
    def has_no_space(cls, value: str) -> str:
        if " " in value:
            raise ValueError("A name has no spaces.")
        return value


class Quay(BaseModel):
    berths: list[Berth]


def new_app(**config: Any) -> Flask:
    app = Flask("shop")
    app.config.update(APIERRORS_MEMBERS=("error", "errors"))
    app.config.update(config)
    ApiErrors(app)

    @app.post("/quays")
    @validate()
    def quays(query: Query, body: Quay) -> dict[str, Any]:
        return {}

    @app.post("/form")
    @validate()
    def form(form: Berth) -> dict[str, Any]:
        return {}

    @app.get("/quays/<number>")
    @validate()
    def quay(number: int) -> dict[str, Any]:
        return {}

    @app.post("/berths")
    @validate(body=Berth, request_body_many=True)
    def berths() -> dict[str, Any]:
        return {}

    @app.post("/forced")
    @validate(body=Berth, get_json_params={"force": True})
    def forced() -> dict[str, Any]:
        return {}

    return app


@pytest.mark.parametrize(
    ("url", "options", "places"),
    [
        ("/quays?page=hunter2", {"json": {"berths": []}}, [{"parameter": "page", "in": "query"}]),
        (
            "/quays",
            {"json": {"berths": [{"depth": 1}, {"depth": SECRET}]}},
            [{"pointer": "#/berths/1/depth"}],
        ),
        (
            "/quays?page=hunter2",
            {"json": {"berths": 1}},
            [{"parameter": "page", "in": "query"}, {"pointer": "#/berths"}],
        ),
        ("/form", {"data": {"depth": SECRET}}, [{"pointer": "#/depth"}]),
        ("/berths", {"json": [{"depth": 1}, {"depth": SECRET}]}, [{"pointer": "#/1/depth"}]),
        ("/berths", {"json": [{"depth": 1}, {"name": SECRET}]}, [{"pointer": "#/1/depth"}]),
        ("/berths", {"json": 7}, [{"pointer": "#"}]),
        ("/quays", {"json": [SECRET]}, [{"pointer": "#"}]),
    ],
)
def test_an_invalid_request_says_where(
    url: str, options: dict[str, Any], places: list[dict[str, str]]
) -> None:
    answer = new_app().test_client().post(url, **options)
    errors = errors_in(answer)
    names = ("pointer", "parameter", "in")
    assert [{name: error[name] for name in names if name in error} for error in errors] == places


def test_a_variable_of_the_path_is_a_parameter() -> None:
    (error,) = errors_in(new_app().test_client().get("/quays/hunter2"))
    assert (error["parameter"], error["in"]) == ("number", "path")


def test_the_text_of_an_author_stays() -> None:
    answer = new_app().test_client().post("/form", data={"depth": "1", "name": "a b"})
    assert answer.get_json()["error"] == "Invalid 'name': A name has no spaces."


def test_a_media_type_that_it_refuses_is_not_repeated() -> None:
    answer = new_app().test_client().post("/forced", data="[]", content_type="text/hunter2")
    assert (answer.status_code, SECRET in answer.text) == (415, False)
    assert answer.get_json()["error"].startswith("Unsupported media type.")


@pytest.mark.parametrize(("status", "expected"), [(400, 422), (422, 422), (418, 418)])
def test_the_status_is_the_configured_one(status: int, expected: int) -> None:
    app = new_app(
        FLASK_PYDANTIC_VALIDATION_ERROR_STATUS_CODE=status, APIERRORS_VALIDATION_STATUS=422
    )
    assert app.test_client().get("/quays/x").status_code == expected


def test_with_errors_that_are_raised_it_is_the_same() -> None:
    app = new_app(FLASK_PYDANTIC_VALIDATION_ERROR_RAISE=True)
    assert len(errors_in(app.test_client().get("/quays/hunter2"))) == 1


def test_outside_the_prefixes_it_answers_itself() -> None:
    inside, outside = (new_app(APIERRORS_URL_PREFIXES=prefixes) for prefixes in ((), ("/api",)))
    assert "validation_error" not in inside.test_client().get("/quays/x").text
    answer = outside.test_client().get("/quays/x")
    assert answer.status_code == 400
    assert answer.get_json()["validation_error"]["path_params"][0]["loc"] == ["number"]


# -- what an author put there himself


def test_errors_that_an_author_wants_to_be_returned_are_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = new_app(FLASK_PYDANTIC_VALIDATION_ERROR_RAISE=False)
    with caplog.at_level("INFO"):
        answer = app.test_client().get("/quays/x")
    assert "validation_error" in answer.get_json()
    assert "FLASK_PYDANTIC_VALIDATION_ERROR_RAISE = False" in caplog.text


def test_a_handler_of_an_author_wins() -> None:
    app = new_app(FLASK_PYDANTIC_VALIDATION_ERROR_RAISE=True)
    app.register_error_handler(ValidationError, lambda error: ({"own": True}, 418))
    assert app.test_client().get("/quays/x").json == {"own": True}
