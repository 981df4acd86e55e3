"""Promises to users of APIFlask: one contract without wiring, and a document that has it."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import pytest

pytest.importorskip("apispec")

import apiflask
from apiflask import APIFlask
from flask import abort
from openapi_spec_validator import validate
from pydantic import BaseModel
from werkzeug.exceptions import Conflict

from flask_apierrors import ApiErrors, rate_limit, requires_permissions
from flask_apierrors._cli.doctor import diagnose
from flask_apierrors._libraries.apiflask import declared_code
from flask_apierrors.openapi import add_errors
from tests.documents import Json, accepts, response_of


def described(*schemas: Json) -> Json:
    content = {f"application/{number}": {"schema": schema} for number, schema in enumerate(schemas)}
    return {"description": "An error.", "content": content}


HTTP_ERROR = {"$ref": "#/components/schemas/HTTPError"}
VALIDATION_ERROR = {"$ref": "#/components/schemas/ValidationError"}


@pytest.mark.parametrize(
    ("status", "response", "type"),
    [
        (404, described(HTTP_ERROR), "not-found"),
        (422, described(VALIDATION_ERROR), "validation-failed"),
        (404, described(HTTP_ERROR, {"type": "string"}), None),
        (404, described({"$ref": "#/components/schemas/Vessel"}), None),
        (404, {"description": "Mine.", "content": {"text/plain": {}}}, None),
        (404, {"description": "Mine."}, None),
        (404, "NOT_FOUND", None),
        (404, None, None),
    ],
)
def test_a_body_with_its_schema_for_errors_is_apiflasks(
    status: int, response: Any, type: str | None
) -> None:
    assert declared_code(status, response) == type


def apiflask_app() -> APIFlask:
    errors = ApiErrors()
    errors.verify_token({"good": {"scope": "vessels:read"}}.get)

    class Vessel(apiflask.Schema):
        name = apiflask.fields.String(required=True)

    app = APIFlask(__name__)
    app.config["OPENAPI_VERSION"] = "3.1.0"
    errors.init_app(app)

    @app.spec_processor
    def complete(document: Json | str) -> Json | str:
        assert isinstance(document, dict)
        return add_errors(document, app)

    @app.put("/vessels/<int:imo>")
    @app.input(Vessel)
    @app.output({}, status_code=204)
    @app.doc(responses={418: "Is a teapot."})
    @requires_permissions("vessels:read")
    @rate_limit("5/hour")
    def put(imo: int, json_data: Json) -> Any:
        if imo == 2:
            apiflask.abort(404, "No such vessel.")
        return {}

    return app


def test_its_document_has_the_errors_of_this_package() -> None:
    document = json.loads(json.dumps(apiflask_app().spec))
    validate(document)
    put = document["paths"]["/vessels/{imo}"]["put"]
    assert list(put["responses"]) == ["204", "400", "401", "403", "404", "418", "429", "500"]
    assert put["responses"]["400"] == {"$ref": "#/components/responses/ValidationFailed"}
    assert put["responses"]["418"] == {"$ref": "#/components/responses/ImATeapot"}
    assert put["security"] == [{"Bearer": ["vessels:read"]}]


def test_its_document_describes_what_is_sent() -> None:
    app = apiflask_app()
    client, document = app.test_client(), app.spec
    assert isinstance(document, dict)
    allowed = {"Authorization": "Bearer good"}
    for answer, status in [
        (client.put("/vessels/1", json={}, headers=allowed), 400),
        (client.put("/vessels/1", json={"name": "Aurora"}), 401),
        (client.put("/vessels/2", json={"name": "Aurora"}, headers=allowed), 404),
    ]:
        assert answer.status_code == status
        response = response_of(document, "/vessels/{imo}", "put", status)
        assert accepts(response["content"]["application/json"]["schema"], answer.json), answer.json


def test_a_document_with_an_author_s_error_processor_has_his_errors() -> None:
    app = apiflask_app()
    app.error_processor(own_processor)
    document = app.spec
    assert isinstance(document, dict)
    responses = document["paths"]["/vessels/{imo}"]["put"]["responses"]
    assert "$ref" not in responses["422"]


# -- answers


class Query(apiflask.Schema):
    page = apiflask.fields.Integer()


class Berth(BaseModel):
    depths: list[int]


class BerthTaken(apiflask.HTTPError):
    status_code = 409
    message = "The berth is taken."
    extra_data = MappingProxyType({"berth": 7})


def own_processor(error: Any) -> Any:
    return {"own": error.message}, error.status_code, error.headers


def new_app(json_errors: bool = True, **config: Any) -> APIFlask:
    app = APIFlask("shop", json_errors=json_errors)
    app.config.update(APIERRORS_MEMBERS=("error", "errors", "extensions"))
    app.config.update(config)
    ApiErrors(app)
    add_views(app)
    return app


def add_views(app: APIFlask) -> None:
    auth = apiflask.HTTPTokenAuth()
    basic = apiflask.HTTPBasicAuth()
    auth.verify_token({"good": "aurora"}.get)
    auth.get_user_roles(lambda user: ["guest"])

    @app.get("/token")
    @app.auth_required(auth, roles=["admin"])
    def token() -> str:
        return ""

    @app.get("/basic")
    @app.auth_required(basic)
    def password() -> str:
        return ""

    @app.post("/search")
    @app.input(Query, location="query")
    @app.input({"name": apiflask.fields.String(required=True)}, schema_name="Body")
    def search(**data: Any) -> Json:
        return {}

    @app.post("/upload")
    @app.input({"query": apiflask.fields.Integer()}, location="files", schema_name="Upload")
    def upload(**data: Any) -> Json:
        return {}

    @app.post("/berths")
    @app.input(Berth)
    @app.input(Query, location="query")
    def berths(**data: Any) -> Json:
        return {}

    @app.get("/tokens")
    @app.input(
        type("Tokens", (BaseModel,), {"__annotations__": {"x_depth": int}}), location="headers"
    )
    def tokens(**data: Any) -> Json:
        return {}

    @app.get("/abort/<int:status>")
    def refuse(status: int) -> Json:
        apiflask.abort(
            status,
            "The berth is taken.",
            detail={"berth": 7},
            headers={"X-Berth": "7"},
            extra_data={"since": "today"},
        )

    @app.get("/plain/<int:status>")
    def plain(status: int) -> Json:
        apiflask.abort(status)

    @app.get("/text")
    def text() -> Json:
        apiflask.abort(409, detail=["The berth", "is taken."])

    @app.get("/subclass")
    def subclass() -> Json:
        raise BerthTaken

    @app.get("/flask")
    def flask() -> Json:
        abort(409, "The berth is taken.")

    @app.get("/crash")
    def crash() -> Json:
        raise RuntimeError("secret")


@pytest.fixture(params=["ApiErrors first", "ApiErrors last"])
def app(request: pytest.FixtureRequest) -> APIFlask:
    if request.param == "ApiErrors first":
        return new_app()
    app = APIFlask("shop")
    app.config["APIERRORS_MEMBERS"] = ("error", "errors", "extensions")
    add_views(app)
    ApiErrors(app)
    return app


@pytest.mark.parametrize(
    ("url", "status", "body"),
    [
        ("/abort/409", 409, {"error": "The berth is taken.", "berth": 7, "since": "today"}),
        ("/plain/404", 404, {"error": "The requested resource does not exist."}),
        ("/unknown", 404, {"error": "The requested resource does not exist."}),
        ("/subclass", 409, {"error": "The berth is taken.", "berth": 7}),
        ("/flask", 409, {"error": "The berth is taken."}),
    ],
)
def test_an_error_is_that_of_the_contract(app: APIFlask, url: str, status: int, body: Json) -> None:
    answer = app.test_client().get(url)
    assert (answer.status_code, answer.json) == (status, body)


def test_its_abort_keeps_headers_and_any_detail(app: APIFlask) -> None:
    client = app.test_client()
    assert client.get("/abort/409").headers["X-Berth"] == "7"
    assert client.get("/text").get_json()["details"] == ["The berth", "is taken."]


def test_a_text_with_status_500_is_not_sent(app: APIFlask) -> None:
    answer = app.test_client().get("/abort/500")
    assert (answer.status_code, "berth" in answer.text) == (500, False)


@pytest.mark.parametrize("json_errors", [True, False])
def test_its_authentication_keeps_its_challenges(json_errors: bool) -> None:
    client = new_app(json_errors).test_client()
    for url, challenge in [
        ("/token", 'Bearer realm="Authentication Required"'),
        ("/basic", 'Basic realm="Authentication Required"'),
    ]:
        answer = client.get(url)
        assert (answer.status_code, answer.json) == (401, {"error": "Authentication is required."})
        assert answer.headers.getlist("WWW-Authenticate") == [challenge]
        assert answer.headers["Cache-Control"] == "no-store"
    answer = client.get("/token", headers={"Authorization": "Bearer good"})
    assert answer.status_code == 403
    assert answer.json == {"error": "You do not have permission to access the requested content."}


@pytest.mark.parametrize(
    ("url", "options", "errors"),
    [
        (
            "/search?page=x",
            {"json": {"name": "Aurora"}},
            [{"detail": "Not a valid integer.", "parameter": "page", "in": "query"}],
        ),
        (
            "/search",
            {"json": {}},
            [{"detail": "Missing data for required field.", "pointer": "#/name"}],
        ),
        (
            "/upload",
            {"data": {"query": "x"}},
            [{"detail": "Not a valid integer.", "pointer": "#/query"}],
        ),
        (
            "/berths",
            {"json": {"depths": [1, "deep"]}},
            [
                {
                    "detail": "Input should be a valid integer, unable to parse string as an"
                    " integer.",
                    "pointer": "#/depths/1",
                    "code": "int_parsing",
                }
            ],
        ),
        (
            "/berths?page=x",
            {"json": {"depths": []}},
            [{"detail": "Not a valid integer.", "parameter": "page", "in": "query"}],
        ),
    ],
)
def test_an_invalid_request_says_where(
    app: APIFlask, url: str, options: Json, errors: list[Json]
) -> None:
    answer = app.test_client().post(url, **options)
    assert (answer.status_code, answer.get_json()["errors"]) == (400, errors)


def test_a_header_is_called_by_its_name(app: APIFlask) -> None:
    client = app.test_client()
    for headers in ({}, {"X-Depth": "deep"}):
        (error,) = client.get("/tokens", headers=headers).get_json()["errors"]
        assert (error["parameter"], error["in"]) == ("X-Depth", "header")


@pytest.mark.parametrize("url", ["/search", "/berths"])
@pytest.mark.parametrize("body", [b"{", b"[" * 5_000])
def test_malformed_json_says_what_is_wrong(app: APIFlask, url: str, body: bytes) -> None:
    answer = app.test_client().post(url, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.get_json()["error"].startswith("Malformed JSON: ")


@pytest.mark.parametrize(("status", "expected"), [(418, 418), (422, 400)])
def test_a_status_that_an_author_chose_stays(status: int, expected: int) -> None:
    client = new_app(VALIDATION_ERROR_STATUS_CODE=status).test_client()
    assert client.post("/berths", json={"depths": 1}).status_code == expected
    assert client.post("/search", json={}).status_code == expected


def test_the_status_of_a_failed_validation_is_the_configured_one() -> None:
    client = new_app(APIERRORS_VALIDATION_STATUS=422).test_client()
    assert client.post("/berths", json={"depths": 1}).status_code == 422
    assert client.post("/search", json={}).status_code == 422


def test_a_crash_is_logged_once_and_tells_nothing(
    app: APIFlask, caplog: pytest.LogCaptureFixture
) -> None:
    answer = app.test_client().get("/crash")
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert len(caplog.records) == 1


def test_outside_the_prefixes_apiflask_answers() -> None:
    client = new_app(APIERRORS_URL_PREFIXES=("/api",)).test_client()
    for url, status, message in [
        ("/token", 401, "Unauthorized"),
        ("/plain/404", 404, "Not Found"),
        ("/unknown", 404, "Not Found"),
    ]:
        answer = client.get(url)
        assert (answer.status_code, answer.json) == (status, {"detail": {}, "message": message})
    assert client.post("/search", json={}).status_code == 422


# -- what an author put there himself


def test_an_error_processor_of_an_author_wins_and_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = new_app()
    app.error_processor(own_processor)
    client = app.test_client()
    with caplog.at_level("INFO"):
        assert client.get("/unknown").json == {"own": "Not Found"}
    assert client.get("/abort/409").json == {"own": "The berth is taken."}
    assert client.get("/token").json == {"own": "Unauthorized"}
    assert "test_apiflask.own_processor" in caplog.text
    assert "_register_error_handlers" not in caplog.text


def test_an_error_processor_of_an_author_may_ask_for_the_contract() -> None:
    app = APIFlask("shop")
    errors = ApiErrors(app)
    app.error_processor(lambda error: errors.response(error))
    add_views(app)
    client = app.test_client()
    assert client.get("/abort/409").json == {"error": "The berth is taken."}
    assert client.get("/token").json == {"error": "Authentication is required."}


def test_an_error_processor_of_an_object_for_authentication_wins() -> None:
    app = new_app()
    auth = apiflask.HTTPTokenAuth()
    auth.error_processor(own_processor)
    app.get("/own")(app.auth_required(auth)(lambda: ""))
    assert app.test_client().get("/own").json == {"own": "Unauthorized"}


def test_an_author_who_calls_the_error_callback_gets_the_contract() -> None:
    app = new_app()
    callback: Any = lambda: app.error_callback(BerthTaken())  # noqa: E731
    app.add_url_rule("/call", view_func=callback)
    answer = app.test_client().get("/call")
    assert (answer.status_code, answer.json) == (409, {"error": "The berth is taken.", "berth": 7})


def test_a_handler_of_an_author_wins() -> None:
    app = new_app()
    app.register_error_handler(BerthTaken, lambda error: ({"own": True}, 409))
    app.register_error_handler(Conflict, lambda error: ({"own": True}, 409))
    client = app.test_client()
    assert client.get("/subclass").json == client.get("/flask").json == {"own": True}


def test_doctor_names_no_handler_that_yields() -> None:
    app = new_app()
    app.test_client().get("/unknown")
    assert "hiding-handler" not in {finding.code for finding in diagnose(app)}
