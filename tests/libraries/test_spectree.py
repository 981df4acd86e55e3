"""Promises to users of SpecTree: its failed validations are those of the contract."""

from __future__ import annotations

from functools import wraps
from typing import Any

import msgspec
import pytest
from flask import Flask, got_request_exception, request
from flask.views import MethodView
from pydantic import BaseModel, Field, ValidationError
from spectree import Response, SpecTree
from spectree.model_adapter import get_msgspec_model_adapter

from flask_apierrors import ApiErrors
from tests.libraries.responses import SECRET, errors_in


class Query(BaseModel):
    page: int = 1


class Headers(BaseModel):
    depth: int = Field(1, alias="Depth")


class Cookies(BaseModel):
    token: int = 1


class Berth(BaseModel):
    depth: int


class Quay(BaseModel):
    berths: list[Berth]


class Buoy(msgspec.Struct):
    depth: int


def new_app(spec: SpecTree | None = None, **config: Any) -> Flask:
    app = Flask("shop")
    app.config.update(APIERRORS_MEMBERS=("error", "errors"))
    app.config.update(config)
    ApiErrors(app)
    validate = (spec := spec or SpecTree("flask")).validate

    @app.post("/quays")
    @validate(query=Query, json=Quay, headers=Headers, cookies=Cookies)
    def quays() -> dict[str, Any]:
        return {}

    @app.post("/form")
    @validate(form=Berth, validation_error_status=418)
    def form() -> dict[str, Any]:
        return {}

    class Berths(MethodView):
        @validate(resp=Response(HTTP_200=Berth))
        def get(self) -> dict[str, Any]:
            return {"depth": SECRET}

        @validate(json=Berth, resp=Response("HTTP_204"))
        def post(self) -> dict[str, Any]:
            return {}

    app.add_url_rule("/berths", view_func=Berths.as_view("berths"))
    spec.register(app)
    return app


@pytest.mark.parametrize(
    ("url", "options", "place"),
    [
        ("/quays?page=hunter2", {}, {"parameter": "page", "in": "query"}),
        ("/quays", {"headers": {"Depth": SECRET}}, {"parameter": "Depth", "in": "header"}),
        (
            "/quays",
            {"headers": {"Cookie": "token=hunter2"}},
            {"parameter": "token", "in": "cookie"},
        ),
        (
            "/quays",
            {"json": {"berths": [{"depth": 1}, {"depth": SECRET}]}},
            {"pointer": "#/berths/1/depth"},
        ),
        ("/berths", {"json": {}}, {"pointer": "#/depth"}),
    ],
)
def test_an_invalid_request_says_where_and_is_not_logged(
    url: str, options: dict[str, Any], place: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    options = {"json": {"berths": []}} | options
    (error,) = errors_in(new_app().test_client(use_cookies=False).post(url, **options))
    assert {name: error[name] for name in ("pointer", "parameter", "in") if name in error} == place
    assert not caplog.records


def test_malformed_json_says_where() -> None:
    answer = new_app().test_client().post("/quays", data="{", content_type="application/json")
    assert answer.status_code == 400
    assert answer.get_json()["error"].endswith("at line 1 column 2.")


def test_a_status_that_an_author_chose_stays() -> None:
    answer = new_app().test_client().post("/form", data={"depth": SECRET})
    assert (answer.status_code, SECRET in answer.text) == (418, False)
    assert answer.get_json()["errors"][0]["pointer"] == "#/depth"


def test_an_invalid_response_is_a_crash_that_tells_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, signals = new_app(), []

    def remember(sender: object, exception: Exception, **extra: object) -> None:
        signals.append(exception)

    with got_request_exception.connected_to(remember, app):
        answer = app.test_client().get("/berths")
    assert (answer.status_code, SECRET in answer.text) == (500, False)
    assert (len(caplog.records), len(signals)) == (1, 1)


def test_a_valid_request_and_its_response_pass() -> None:
    client = new_app().test_client()
    assert client.post("/berths", json={"depth": 1}).json == {}
    assert client.post("/quays", json={"berths": []}).json == {}


def test_an_error_of_msgspec_has_its_place() -> None:
    app = Flask("shop")
    app.config.update(APIERRORS_MEMBERS=("error", "errors"))
    ApiErrors(app)
    spec = SpecTree("flask", model_adapter=get_msgspec_model_adapter())
    app.post("/buoys")(spec.validate(json=Buoy)(lambda: {}))
    (error,) = errors_in(app.test_client().post("/buoys", json={"depth": SECRET}))
    assert error["pointer"] == "#/depth"


def test_outside_the_prefixes_spectree_answers() -> None:
    client = new_app(APIERRORS_URL_PREFIXES=("/api",)).test_client()
    answer = client.post("/quays", json={"berths": 1})
    assert answer.status_code == 422
    assert answer.get_json()[0]["loc"] == ["berths"]
    assert client.get("/berths").status_code == 500


def test_hooks_of_an_author_win_and_are_named(caplog: pytest.LogCaptureFixture) -> None:
    seen = []

    def own_before(req: Any, resp: Any, error: Any, instance: Any, adapter: Any) -> None:
        seen.append(error)

    app = new_app(SpecTree("flask", before=own_before))
    with caplog.at_level("INFO"):
        answer = app.test_client().post("/quays", json={"berths": 1})
    assert (answer.status_code, len(seen)) == (422, 1)
    assert "own_before (SpecTree)" in caplog.text


def test_a_decorator_above_it_hides_nothing() -> None:
    spec, app = SpecTree("flask"), Flask("shop")
    ApiErrors(app)
    view = spec.validate(json=Berth)(lambda: {})

    @app.post("/berths")
    @wraps(view)
    def wrapper() -> Any:
        return view()

    assert app.test_client().post("/berths", json={}).status_code == 400


def test_without_an_adapter_as_before_version_3_an_invalid_request_is_found_by_its_value() -> None:
    app = Flask("shop")
    app.config.update(APIERRORS_MEMBERS=("error", "errors"))
    ApiErrors(app)
    spec = SpecTree("flask")

    @app.post("/older")
    def older() -> Any:
        try:
            Berth.model_validate(request.get_json())
        except ValidationError as error:
            spec.before(request, None, error, None)  # type: ignore[call-arg]

    app.get("/newer")(spec.validate(query=Query)(lambda: {}))
    (error,) = errors_in(app.test_client().post("/older", json={"depth": SECRET}))
    assert error["pointer"] == "#/depth"
