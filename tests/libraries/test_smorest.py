"""Promises to users of flask-smorest: one contract without wiring, and a document that has it."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

import marshmallow
import pytest

pytest.importorskip("apispec")

import flask_smorest
from flask import Flask
from flask.views import MethodView
from openapi_spec_validator import validate
from werkzeug.exceptions import NotFound

from flask_apierrors import (
    ApiError,
    ApiErrors,
    raises,
    rate_limit,
    requires_auth,
    requires_permissions,
)
from flask_apierrors._cli.doctor import diagnose
from flask_apierrors._libraries.smorest import declared_code, guard_mark
from flask_apierrors.openapi import ApiErrorsPlugin
from tests.documents import Json, accepts, resolved, response_of


class Vessel(marshmallow.Schema):
    name = marshmallow.fields.String(required=True)


class Query(marshmallow.Schema):
    limit = marshmallow.fields.Integer()


class VesselNotFound(ApiError, NotFound):
    """No vessel with this IMO number is registered."""


@pytest.mark.parametrize(
    ("status", "response", "type"),
    [
        (404, "NOT_FOUND", "not-found"),
        (404, {"$ref": "#/components/responses/NOT_FOUND"}, "not-found"),
        (412, "PRECONDITION_FAILED", "precondition-failed"),
        (404, {"$ref": "#/components/responses/NotFound"}, None),
        (404, {"$ref": "#/components/responses/CONFLICT"}, None),
        (404, {"description": "Mine."}, None),
        (404, None, None),
        (499, "NOT_FOUND", None),
    ],
)
def test_a_reference_by_the_name_of_its_status_is_flask_smorests(
    status: int, response: Any, type: str | None
) -> None:
    assert declared_code(status, response) == type


def new_app(**config: Any) -> Flask:
    app = Flask("shop")
    app.config.update(API_TITLE="Vessels", API_VERSION="1", OPENAPI_VERSION="3.1.0", **config)
    return app


def vessels_blueprint() -> Any:
    vessels = flask_smorest.Blueprint("vessels", __name__)

    @vessels.route("/vessels")
    class Vessels(MethodView):
        @vessels.arguments(Vessel)
        @vessels.arguments(Query, location="query")
        @vessels.response(201, Vessel)
        def post(self, vessel: Json, query: Json) -> Json:
            return vessel

    @vessels.get("/abort/<int:status>")
    def refuse(status: int) -> None:
        flask_smorest.abort(
            status,
            message="The berth is taken.",
            errors={"json": {"berth": ["Taken."]}},
            headers={"X-Berth": "7", "WWW-Authenticate": 'Basic realm="office"'},
        )

    @vessels.get("/crash")
    def crash() -> None:
        raise RuntimeError("secret")

    @vessels.get("/maintenance")
    def maintenance() -> None:
        flask_smorest.abort(503)

    @vessels.get("/guarded")
    @requires_auth
    def guarded() -> str:
        return ""

    return vessels


@pytest.fixture(params=["ApiErrors first", "Api first", "init_app"])
def app(request: pytest.FixtureRequest) -> Flask:
    app = new_app(APIERRORS_MEMBERS=("error", "errors"))
    errors = ApiErrors() if request.param == "Api first" else ApiErrors(app)
    errors.verify_token({"good": 1}.get)
    if request.param == "init_app":
        api = flask_smorest.Api()
        api.init_app(app)
    else:
        api = flask_smorest.Api(app)
    api.register_blueprint(vessels_blueprint())
    if request.param == "Api first":
        errors.init_app(app)
    return app


@pytest.mark.parametrize("status", [400, 409, 422])
def test_its_abort_keeps_message_errors_and_headers(app: Flask, status: int) -> None:
    answer = app.test_client().get(f"/abort/{status}")
    assert answer.status_code == status
    assert answer.get_json()["error"] == "The berth is taken."
    assert answer.headers["X-Berth"] == "7"
    if status != 409:
        assert answer.get_json()["errors"] == [{"detail": "Taken.", "pointer": "#/berth"}]


def test_its_abort_keeps_a_challenge(app: Flask) -> None:
    answer = app.test_client().get("/abort/401")
    assert answer.headers.getlist("WWW-Authenticate") == ['Basic realm="office"']
    assert answer.get_json()["error"] == "The berth is taken."


def test_its_invalid_arguments_say_where(app: Flask) -> None:
    client = app.test_client()
    for answer, error in [
        (client.post("/vessels", json={}), {"pointer": "#/name"}),
        (
            client.post("/vessels?limit=x", json={"name": "Aurora"}),
            {"parameter": "limit", "in": "query"},
        ),
    ]:
        assert answer.status_code == 400
        assert [{**item, "detail": ""} for item in answer.get_json()["errors"]] == [
            {"detail": "", **error}
        ]


def test_a_status_has_the_fields_that_flask_smorest_drops(app: Flask) -> None:
    client = app.test_client()
    allow = client.put("/vessels").headers["Allow"]
    assert set(allow.split(", ")) == {"OPTIONS", "POST"}
    assert client.get("/maintenance").headers["Retry-After"] == "30"
    assert client.get("/guarded").headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert client.get("/unknown").json == {"error": "The requested resource does not exist."}


def test_a_crash_is_logged_once_and_tells_nothing(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    answer = app.test_client().get("/crash")
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert len(caplog.records) == 1
    assert answer.headers["X-Request-ID"] in caplog.text


def test_a_handler_of_an_author_s_api_wins_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    class Api(flask_smorest.Api):
        def handle_http_exception(self, error: Any) -> Any:
            return {"own": error.code}, error.code

    app = new_app()
    ApiErrors(app)
    Api(app)
    with caplog.at_level("INFO"):
        answer = app.test_client().get("/unknown")
    assert (answer.status_code, answer.json) == (404, {"own": 404})
    assert "Api.handle_http_exception" in caplog.text


def test_outside_the_prefixes_flask_smorest_answers(caplog: pytest.LogCaptureFixture) -> None:
    app = new_app(APIERRORS_URL_PREFIXES=("/api",))
    ApiErrors(app)
    api = flask_smorest.Api(app)
    api.register_blueprint(vessels_blueprint())
    api.register_blueprint(vessels_blueprint(), url_prefix="/api", name="inside")
    client = app.test_client()
    with caplog.at_level("INFO"):
        outside, inside = client.get("/abort/409"), client.get("/api/abort/409")
    assert outside.json == {
        "code": 409,
        "status": "Conflict",
        "message": "The berth is taken.",
        "errors": {"json": {"berth": ["Taken."]}},
    }
    assert inside.json == {"error": "The berth is taken."}
    assert client.get("/unknown").json == {"code": 404, "status": "Not Found"}
    assert client.get("/crash").json == {"code": 500, "status": "Internal Server Error"}
    assert "handle_http_exception" not in caplog.text


def test_doctor_does_not_name_a_handler_that_yields(app: Flask) -> None:
    assert "hiding-handler" not in {finding.code for finding in diagnose(app)}


def smorest_app(**config: Any) -> tuple[Flask, flask_smorest.Api]:
    errors = ApiErrors()
    errors.verify_token({"good": {"scope": "vessels:read"}}.get)

    app = new_app(**config)
    errors.init_app(app)
    api = flask_smorest.Api(app, spec_kwargs={"extra_plugins": [ApiErrorsPlugin(app)]})
    vessels = flask_smorest.Blueprint("vessels", __name__, url_prefix="/vessels")

    @vessels.route("/<int:imo>")
    class OneVessel(MethodView):
        @vessels.arguments(Query, location="query")
        @vessels.response(200, Vessel)
        @requires_permissions("vessels:read")
        @raises(VesselNotFound)
        def get(self, query: Json, imo: int) -> Json:
            if imo == 2:
                raise VesselNotFound
            return {"name": "Aurora"}

        @vessels.arguments(Vessel)
        @vessels.response(204)
        @vessels.alt_response(409, schema=Vessel, description="Another vessel has the name.")
        @vessels.etag
        @rate_limit("5/hour")
        def put(self, vessel: Json, imo: int) -> None:
            vessels.check_etag({"name": "Aurora"}, Vessel)

    api.register_blueprint(vessels)
    return app, api


def test_what_is_documented_as_secured_is_guarded() -> None:
    blueprint = flask_smorest.Blueprint("vessels", __name__)

    def mark_of(**doc: Any) -> Any:
        return guard_mark(blueprint.doc(**doc)(lambda: {}))

    mark = mark_of(security=[{"Bearer": []}, {"Key": []}])
    assert (mark.name, mark.values, mark.statuses) == ("doc", ("Bearer", "Key"), (401,))
    assert mark.condition == "Needs authentication: Bearer or Key."
    assert mark.authenticates
    assert not mark_of(security=[{"Bearer": []}, {}]).authenticates
    assert mark_of(security=[]) is mark_of(summary="Vessels") is None
    assert guard_mark(blueprint.response(204)(lambda: {})) is None
    assert guard_mark(mark_of) is None


def test_its_document_has_the_errors_of_this_package() -> None:
    _, api = smorest_app()
    document = json.loads(json.dumps(api.spec.to_dict()))
    validate(document)
    get, put = (document["paths"]["/vessels/{imo}"][method] for method in ("get", "put"))
    assert list(get["responses"]) == ["200", "400", "401", "403", "404", "500", "default"]
    assert get["responses"]["400"] == {"$ref": "#/components/responses/ValidationFailed"}
    assert get["security"] == [{"Bearer": ["vessels:read"]}]
    codes = ["204", "400", "404", "409", "412", "428", "429", "500", "default"]
    assert list(put["responses"]) == codes
    assert put["responses"]["default"] == {"$ref": "#/components/responses/Error"}
    assert put["responses"]["412"] == {"$ref": "#/components/responses/PreconditionFailed"}
    assert put["responses"]["409"]["content"].keys() == {"application/json"}
    assert 'schemas/Error"' not in json.dumps(document["paths"])


@pytest.mark.parametrize("format", ["plain", "problem"])
def test_its_response_for_all_other_errors_becomes_that_of_this_package(format: str) -> None:
    app, api = smorest_app(APIERRORS_FORMAT=format)
    document = json.loads(json.dumps(api.spec.to_dict()))
    validate(document)
    answer = app.test_client().get("/unknown")
    response = resolved(document["components"]["responses"]["Error"], document)
    assert accepts(response["content"][answer.content_type]["schema"], answer.json)
    assert all(name in answer.headers for name in response["headers"])


def test_an_author_s_error_schema_stays_in_the_document_and_its_answers() -> None:
    class OwnError(marshmallow.Schema):
        own = marshmallow.fields.String()

    class Api(flask_smorest.Api):
        ERROR_SCHEMA = OwnError

    app = new_app()
    ApiErrors(app)
    api = Api(app, spec_kwargs={"extra_plugins": [ApiErrorsPlugin(app)]})
    api.register_blueprint(vessels_blueprint())
    document = json.loads(json.dumps(api.spec.to_dict()))
    responses = document["paths"]["/vessels"]["post"]["responses"]
    assert responses["422"] == {"$ref": f"#/components/responses/{HTTPStatus(422).name}"}
    assert responses["default"] == {"$ref": "#/components/responses/DEFAULT_ERROR"}
    answer = app.test_client().get("/unknown")
    assert answer.json == {"code": 404, "status": "Not Found"}


@pytest.mark.parametrize("status", [400, 422])
def test_its_document_describes_what_is_sent(status: int) -> None:
    app, api = smorest_app(APIERRORS_VALIDATION_STATUS=status)
    client, document = app.test_client(), api.spec.to_dict()
    allowed = {"Authorization": "Bearer good"}
    for answer, method in [
        (client.get("/vessels/1?limit=x", headers=allowed), "get"),
        (client.get("/vessels/1"), "get"),
        (client.get("/vessels/2", headers=allowed), "get"),
        (client.put("/vessels/1", json={}), "put"),
        (client.put("/vessels/1", json={"name": "Borealis"}), "put"),
        (client.put("/vessels/1", json={"name": "Borealis"}, headers={"If-Match": '"x"'}), "put"),
    ]:
        assert answer.status_code in (status, 401, 404, 428, 412)
        response = response_of(document, "/vessels/{imo}", method, answer.status_code)
        assert accepts(response["content"]["application/json"]["schema"], answer.json), answer.json
