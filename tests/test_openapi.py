"""OpenAPI: what the catalogue knows, in documents of apispec, flask-smorest, APIFlask and of an author's own hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, NoReturn

import pytest

pytest.importorskip("apispec")

import apiflask
import flask_smorest
import marshmallow
from apiflask import APIFlask
from apispec import APISpec
from apispec.exceptions import DuplicateComponentNameError
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from flask.views import MethodView
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from werkzeug.exceptions import Conflict, NotFound, ServiceUnavailable, Unauthorized

from flask_apierrors import (
    ApiError,
    ApiErrors,
    produces,
    raises,
    rate_limit,
    requires_auth,
    requires_json,
    requires_permissions,
)
from flask_apierrors.fields import Timestamp
from flask_apierrors.openapi import ApiErrorsPlugin, add_errors

Json = dict[str, Any]


class VesselNotFound(ApiError, NotFound):
    """No vessel with this IMO number is registered."""


class VesselSold(ApiError, NotFound):
    """The vessel was sold. Ask its new owner."""

    type = "https://errors.example/vessel sold"


@pytest.fixture
def errors() -> ApiErrors:
    errors = ApiErrors()
    errors.verify_token({"good": {"scope": "vessels:read"}}.get)
    return errors


@pytest.fixture
def app(make_app: Callable[..., Flask], errors: ApiErrors) -> Flask:
    app = make_app(errors)

    @app.get("/vessels/<int:imo>")
    @requires_permissions("vessels:read")
    @produces("application/json")
    @raises(VesselNotFound)
    def vessel(imo: int) -> NoReturn:
        raise VesselNotFound

    @app.post("/vessels")
    @requires_auth
    @requires_json
    @raises(marshmallow.ValidationError)
    def register() -> NoReturn:
        raise marshmallow.ValidationError({"name": ["Too long."]})

    @app.get("/harbours")
    @rate_limit("1/hour")
    def harbours() -> str:
        return "Kiel"

    return app


def paths() -> Json:
    imo = {"in": "path", "name": "imo", "required": True, "schema": {"type": "integer"}}
    return {
        "/vessels/{imo}": {
            "parameters": [imo],
            "get": {"responses": {"200": {"description": "It."}}},
        },
        "/vessels": {"post": {"responses": {"201": {"description": "Registered."}}}},
        "/harbours": {"get": {"responses": {"200": {"description": "All."}}}},
    }


def document(version: str = "3.1.0") -> Json:
    return {"openapi": version, "info": {"title": "Vessels", "version": "1"}, "paths": paths()}


def by_plugin(app: Flask, version: str = "3.1.0", written: Json | None = None) -> Json:
    spec = APISpec("Vessels", "1", version, plugins=[MarshmallowPlugin(), ApiErrorsPlugin(app)])
    for path, item in (written or paths()).items():
        operations = {
            method: operation for method, operation in item.items() if method != "parameters"
        }
        spec.path(path, operations=operations, parameters=item.get("parameters"))
    made: Json = json.loads(json.dumps(spec.to_dict()))
    return made


def by_function(app: Flask, version: str = "3.1.0", written: Json | None = None) -> Json:
    made: Json = json.loads(
        json.dumps(add_errors(document(version) | ({"paths": written} if written else {}), app))
    )
    return made


both_ways = pytest.mark.parametrize("described", [by_plugin, by_function])


def resolved(node: Any, root: Json) -> Any:
    """A part of a document with its references followed."""
    if isinstance(node, list):
        return [resolved(item, root) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        target: Any = root
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return resolved(target, root)
    return {name: resolved(member, root) for name, member in node.items()}


def response(made: Json, path: str, method: str, status: int) -> Json:
    found: Json = resolved(made["paths"][path][method]["responses"][str(status)], made)
    return found


def accepts(schema: Json, value: Any) -> bool:
    return bool(Draft202012Validator(schema).is_valid(value))


def examples(content: Json) -> Iterator[Any]:
    for example in content["examples"].values():
        yield example["value"]


# -- what is written


@both_ways
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_the_document_is_valid(app: Flask, described: Callable[..., Json], version: str) -> None:
    validate(described(app, version))


def test_the_plugin_and_the_function_write_the_same(app: Flask) -> None:
    made, completed = by_plugin(app), by_function(app)
    assert made["components"] == completed["components"]
    # apispec writes the parameters of a path last
    assert made["paths"] == completed["paths"]


def test_the_function_may_be_called_twice(app: Flask) -> None:
    once = by_function(app)
    assert add_errors(json.loads(json.dumps(once)), app) == once


@both_ways
def test_an_operation_has_the_errors_that_it_can_answer_and_no_others(
    app: Flask, described: Callable[..., Json]
) -> None:
    made = described(app)
    operations = {
        (path, method): item[method]
        for path, item in made["paths"].items()
        for method in item.keys() & {"get", "post"}
    }
    assert {place: list(operation["responses"]) for place, operation in operations.items()} == {
        ("/vessels/{imo}", "get"): ["200", "401", "403", "404", "406", "500"],
        ("/vessels", "post"): ["201", "400", "401", "415", "500"],
        ("/harbours", "get"): ["200", "429", "500"],
    }


@both_ways
def test_the_errors_of_one_status_share_a_response(
    app: Flask, described: Callable[..., Json]
) -> None:
    not_found = response(described(app), "/vessels/{imo}", "get", 404)
    assert (
        "- **Vessel not found**: No vessel with this IMO number is registered."
        in not_found["description"]
    )
    for content in not_found["content"].values():
        assert list(content["examples"]) == ["not-found", "vessel-not-found"]


@both_ways
def test_operations_share_responses(app: Flask, described: Callable[..., Json]) -> None:
    made = described(app)
    first, second = (
        made["paths"][path][method]["responses"]["401"]
        for path, method in [("/vessels/{imo}", "get"), ("/vessels", "post")]
    )
    assert first == second == {"$ref": "#/components/responses/Unauthorized-InvalidToken"}


@both_ways
def test_the_problem_names_the_types_that_are_possible(
    app: Flask, described: Callable[..., Json]
) -> None:
    schema = response(described(app), "/vessels/{imo}", "get", 404)["content"][
        "application/problem+json"
    ]["schema"]
    headers = {
        "Authorization": "Bearer good",
        "Accept": "application/json, application/problem+json",
    }
    problem = app.test_client().get("/vessels/1", headers=headers).get_json()
    assert accepts(schema, problem)
    assert not accepts(schema, problem | {"type": "urn:problem-type:another"})
    assert not accepts(schema, problem | {"status": 410})


@both_ways
def test_a_url_is_told_what_another_method_gets(app: Flask, described: Callable[..., Json]) -> None:
    made = described(app)
    not_allowed = resolved(made["paths"]["/vessels"]["x-method-not-allowed"], made)
    assert not_allowed["headers"]["Allow"]["required"]
    assert all(
        "405" not in operation["responses"]
        for item in made["paths"].values()
        for operation in item.values()
        if "responses" in operation
    )


@both_ways
def test_each_operation_says_after_which_errors_to_try_again(
    app: Flask, described: Callable[..., Json]
) -> None:
    made = described(app)["paths"]
    assert made["/vessels"]["post"]["x-retry"] == {
        "400": "never",
        "401": "never",
        "415": "never",
        "500": "never",
    }
    assert made["/harbours"]["get"]["x-retry"] == {"429": "after-delay", "500": "after-delay"}


@both_ways
def test_guards_are_security_requirements(app: Flask, described: Callable[..., Json]) -> None:
    made = described(app)
    assert made["components"]["securitySchemes"]["Bearer"]["scheme"] == "bearer"
    assert made["paths"]["/vessels/{imo}"]["get"]["security"] == [{"Bearer": ["vessels:read"]}]
    assert made["paths"]["/vessels"]["post"]["security"] == [{"Bearer": []}]
    assert "security" not in made["paths"]["/harbours"]["get"]


@both_ways
def test_openapi_3_0_has_no_scopes_for_bearer_tokens(
    app: Flask, described: Callable[..., Json]
) -> None:
    assert described(app, "3.0.3")["paths"]["/vessels/{imo}"]["get"]["security"] == [{"Bearer": []}]


@both_ways
def test_rate_limits_are_told_with_each_answer(app: Flask, described: Callable[..., Json]) -> None:
    made = described(app)
    for status in (200, 429, 500):
        headers = response(made, "/harbours", "get", status)["headers"]
        assert {"RateLimit", "RateLimit-Policy"} <= headers.keys()
    assert "RateLimit" not in response(made, "/vessels", "post", 500)["headers"]
    assert "headers" not in response(made, "/vessels", "post", 201)
    assert len(made["paths"]["/harbours"]["get"]["x-rate-limits"]) == 1


# -- what is sent


@both_ways
@pytest.mark.parametrize(
    "accept", ["application/json", "application/json, application/problem+json"]
)
@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "template", "status"),
    [
        ("get", "/vessels/1", {}, None, "/vessels/{imo}", 401),
        ("get", "/vessels/1", {"Authorization": "Bearer bad"}, None, "/vessels/{imo}", 401),
        ("get", "/vessels/1", {"Authorization": "Bearer good"}, None, "/vessels/{imo}", 404),
        ("post", "/vessels", {"Authorization": "Bearer good"}, b"{}", "/vessels", 415),
        (
            "post",
            "/vessels",
            {"Authorization": "Bearer good", "Content-Type": "application/json"},
            b"{",
            "/vessels",
            400,
        ),
        (
            "post",
            "/vessels",
            {"Authorization": "Bearer good", "Content-Type": "application/json"},
            b"{}",
            "/vessels",
            400,
        ),
        ("delete", "/vessels", {}, None, "/vessels", 405),
    ],
)
def test_what_is_sent_is_what_is_described(
    app: Flask,
    described: Callable[..., Json],
    accept: str,
    method: str,
    path: str,
    headers: Json,
    body: Any,
    template: str,
    status: int,
) -> None:
    made = described(app)
    answer = app.test_client().open(
        path, method=method, headers=headers | {"Accept": accept}, data=body
    )
    assert answer.status_code == status
    if status == 405:
        described_response = resolved(made["paths"][template]["x-method-not-allowed"], made)
    else:
        described_response = response(made, template, method, status)
    assert accepts(described_response["content"][answer.mimetype]["schema"], answer.json)
    for name, header in described_response["headers"].items():
        assert name in answer.headers or not header["required"]
    told = {"Content-Type", "Content-Length", *described_response["headers"]}
    assert set(answer.headers.keys()) <= told


def test_examples_are_what_the_schemas_describe(
    make_app: Callable[..., Flask], errors: ApiErrors
) -> None:
    members = ("error", "status", "type", "title", "errors", "request_id", "documentation")
    for config in (
        {},
        {"APIERRORS_MEMBERS": members, "APIERRORS_REFERENCE_URL": "/errors"},
        {"APIERRORS_REQUEST_ID_HEADER": None},
    ):
        app = make_app(errors, **config)
        app.add_url_rule(
            "/vessels/<int:imo>",
            view_func=requires_permissions("a")(requires_json(lambda imo: "")),
            methods=["PATCH"],
        )
        responses = by_function(app, written={"/vessels/{imo}": {"patch": {}}})
        for found in resolved(
            responses["paths"]["/vessels/{imo}"]["patch"]["responses"], responses
        ).values():
            for content in found["content"].values():
                assert all(accepts(content["schema"], example) for example in examples(content))


def test_the_plain_body_has_the_members_that_the_administrator_chose(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(APIERRORS_MEMBERS=("error", "status", "errors"))
    app.add_url_rule("/x", "x", lambda: "")
    body = by_function(app, written={"/x": {"get": {}}})["components"]["schemas"]["ErrorBody"]
    assert list(body["properties"]) == ["error", "status", "errors"]
    assert body["required"] == ["error", "status"]


def test_a_body_of_the_authors_own_shape_is_shown_by_examples(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    errors.format(lambda problem: {"code": problem.status, "message": problem.detail})
    app = make_app(errors)
    app.add_url_rule("/x", "x", lambda: "")
    made = by_function(app, written={"/x": {"get": {}}})
    content = response(made, "/x", "get", 500)["content"]["application/json"]
    assert content["schema"] == {"type": "object", "description": "What went wrong."}
    assert [example["code"] for example in examples(content)] == [500]


# -- what an author wrote


@both_ways
def test_what_an_author_wrote_stays(app: Flask, described: Callable[..., Json]) -> None:
    mine = {
        "description": "Mine.",
        "headers": {"X-Mine": {"schema": {"type": "string"}}},
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
    written = paths()
    written["/harbours"]["get"] |= {
        "responses": {"200": mine, "500": mine},
        "x-retry": {},
        "x-rate-limits": [],
        "security": [],
    }
    made = described(app, written=written)["paths"]["/harbours"]["get"]
    assert made["responses"]["500"] == mine
    assert made["responses"]["200"]["headers"].keys() == {"X-Mine", "RateLimit", "RateLimit-Policy"}
    assert (made["x-retry"], made["x-rate-limits"], made["security"]) == ({}, [], [])


@both_ways
def test_a_description_of_an_author_gets_content_and_headers(
    app: Flask, described: Callable[..., Json]
) -> None:
    written = paths()
    written["/harbours"]["get"]["responses"]["500"] = {
        "description": "The harbour master is asleep."
    }
    found = response(described(app, written=written), "/harbours", "get", 500)
    assert found["description"] == "The harbour master is asleep."
    assert found["content"].keys() == {"application/json", "application/problem+json"}
    assert "Cache-Control" in found["headers"]


def test_references_of_an_author_stay(app: Flask) -> None:
    written = paths()
    mine = {
        "500": {"$ref": "#/components/responses/Mine"},
        "2XX": {"$ref": "#/x"},
        "499": {"$ref": "#/y"},
    }
    written["/harbours"]["get"]["responses"] |= mine
    assert (
        by_function(app, written=written)["paths"]["/harbours"]["get"]["responses"].items()
        >= mine.items()
    )


@pytest.mark.parametrize("status", [500, "500", HTTPStatus.INTERNAL_SERVER_ERROR])
def test_a_status_may_be_a_number(app: Flask, status: Any) -> None:
    written = paths()
    written["/harbours"]["get"]["responses"] = {status: {"description": "Mine."}}
    made = by_function(app, written=written)["paths"]["/harbours"]["get"]["responses"]
    assert list(made) == ["429", "500"]
    assert made["500"]["description"] == "Mine."


@both_ways
def test_paths_that_are_not_the_apps_and_hidden_ones_stay_as_they_are(
    app: Flask, errors: ApiErrors, described: Callable[..., Json]
) -> None:
    errors.hide("harbours")
    written = paths() | {
        "/elsewhere": {"get": {"responses": {"200": {"description": "Of another server."}}}}
    }
    made = described(app, written=json.loads(json.dumps(written)))["paths"]
    assert made["/elsewhere"] == written["/elsewhere"]
    assert made["/harbours"] == written["/harbours"]


@both_ways
def test_a_header_field_has_one_description_whatever_errors_have_it(
    make_app: Callable[..., Flask], errors: ApiErrors, described: Callable[..., Json]
) -> None:
    app = make_app(errors)
    app.add_url_rule(
        "/x", "x", rate_limit("1/hour")(raises(ServiceUnavailable, Unauthorized)(lambda: ""))
    )
    app.add_url_rule("/y", "y", requires_auth(raises(ServiceUnavailable)(lambda: "")))
    made = described(
        app,
        written={
            "/x": {"get": {}},
            "/y": {"get": {"responses": {"503": {"description": "Mine."}}}},
        },
    )
    for status, name in [(401, "WWW-Authenticate"), (429, "Retry-After"), (503, "Retry-After")]:
        assert (
            response(made, "/x", "get", status)["headers"][name]
            == made["components"]["headers"][name]
        )
    assert add_errors(json.loads(json.dumps(made)), app) == made


def test_what_is_not_a_response_stays(app: Flask) -> None:
    written = paths()
    written["/harbours"]["get"]["responses"]["400"] = None
    assert (
        by_function(app, written=written)["paths"]["/harbours"]["get"]["responses"]["400"] is None
    )


def test_a_component_of_another_by_the_same_name_is_refused(app: Flask) -> None:
    taken = document() | {"components": {"schemas": {"ErrorBody": {"type": "string"}}}}
    with pytest.raises(DuplicateComponentNameError, match="schemas/ErrorBody is there already"):
        add_errors(taken, app)


@both_ways
def test_a_field_with_other_examples_elsewhere_is_one_component(
    app: Flask, described: Callable[..., Json]
) -> None:
    class InvalidClient(ApiError, Unauthorized):
        """The client id or the secret is wrong."""

        def get_headers(self, *args: Any) -> list[tuple[str, str]]:
            return [("WWW-Authenticate", 'Basic realm="x"')]

    app.add_url_rule("/token", "token", raises(InvalidClient)(lambda: ""))
    made = described(app, written=paths() | {"/token": {"get": {"responses": {}}}})
    assert response(made, "/token", "get", 401)["headers"]["WWW-Authenticate"]["required"] is True


def test_an_older_openapi_is_refused(app: Flask) -> None:
    with pytest.raises(ValueError, match=r"write OpenAPI 3\.0 or later"):
        add_errors({"swagger": "2.0", "paths": {}}, app)
    with pytest.raises(ValueError, match=r"OpenAPI 2\.0"):
        APISpec("Vessels", "1", "2.0", plugins=[ApiErrorsPlugin(app)])


def test_an_app_without_the_contract_is_refused() -> None:
    with pytest.raises(RuntimeError, match="no ApiErrors"):
        add_errors(document(), Flask(__name__))


def test_views_may_be_registered_after_the_specification_was_begun(app: Flask) -> None:
    spec = APISpec("Vessels", "1", "3.1.0", plugins=[ApiErrorsPlugin(app)])
    spec.path("/harbours", operations={"get": {}})
    app.add_url_rule("/late/<int:number>", "late", lambda number: "")
    spec.path("/late/{number}", operations={"get": {}})
    assert list(spec.to_dict()["paths"]["/late/{number}"]["get"]["responses"]) == ["404", "500"]


def test_types_and_examples_know_where_the_app_is_mounted(make_app: Callable[..., Flask]) -> None:
    app = make_app(APIERRORS_REFERENCE_URL="/errors")
    app.add_url_rule("/x", "x", lambda: "")
    written = {"openapi": "3.1.0", "paths": {"/x": {"get": {}}}}
    content = response(add_errors(written, app, root_path="/v1"), "/x", "get", 500)["content"][
        "application/problem+json"
    ]
    assert content["schema"]["allOf"][1]["properties"]["type"]["enum"] == [
        "/v1/errors/internal-server-error"
    ]
    assert next(examples(content))["instance"] == "/v1/x"


@both_ways
def test_a_name_of_a_component_is_made_of_any_type(
    make_app: Callable[..., Flask], described: Callable[..., Json]
) -> None:
    app = make_app()
    app.add_url_rule("/x", "x", raises(VesselSold)(lambda: ""))
    made = described(app, written={"/x": {"get": {}}})
    assert "#/components/responses/VesselSold" in made["paths"]["/x"]["get"]["responses"]["404"][
        "$ref"
    ].replace("Not%20Found-", "")
    validate({"info": {"title": "", "version": ""}} | made)


def test_a_retry_is_worth_it_when_it_is_for_each_type_of_a_status(
    make_app: Callable[..., Flask],
) -> None:
    class Busy(ApiError, Conflict):
        retry = "after-delay"

    app = make_app()
    app.add_url_rule("/x", "x", raises(Busy)(lambda: ""), methods=["POST"])
    app.add_url_rule("/y", "y", raises(Busy, Conflict)(lambda: ""), methods=["POST"])
    made = by_function(app, written={"/x": {"post": {}}, "/y": {"post": {}}})["paths"]
    assert made["/x"]["post"]["x-retry"]["409"] == "after-delay"
    assert made["/y"]["post"]["x-retry"]["409"] == "never"


# -- flask-smorest


def smorest_app(errors: ApiErrors, **config: Any) -> tuple[Flask, flask_smorest.Api]:
    class Api(flask_smorest.Api):
        DEFAULT_ERROR_RESPONSE_NAME = None

        def handle_http_exception(self, error: Any) -> Any:
            return errors.handle(error)

    class Query(marshmallow.Schema):
        limit = marshmallow.fields.Integer()

    class Vessel(marshmallow.Schema):
        name = marshmallow.fields.String(required=True)

    app = Flask(__name__)
    app.config.update(API_TITLE="Vessels", API_VERSION="1", OPENAPI_VERSION="3.1.0", **config)
    errors.init_app(app)
    api = Api(app, spec_kwargs={"extra_plugins": [ApiErrorsPlugin(app)]})
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
        @vessels.alt_response(409, schema=Vessel, description="Another one has the name.")
        @vessels.etag
        @rate_limit("5/hour")
        def put(self, vessel: Json, imo: int) -> None:
            vessels.check_etag({"name": "Aurora"}, Vessel)

    api.register_blueprint(vessels)
    return app, api


def test_flask_smorest_documents_what_this_package_answers(errors: ApiErrors) -> None:
    _, api = smorest_app(errors)
    made = json.loads(json.dumps(api.spec.to_dict()))
    validate(made)
    get, put = (made["paths"]["/vessels/{imo}"][method] for method in ("get", "put"))
    assert list(get["responses"]) == ["200", "400", "401", "403", "404", "500"]
    assert get["responses"]["400"] == {"$ref": "#/components/responses/ValidationFailed"}
    assert get["security"] == [{"Bearer": ["vessels:read"]}]
    assert list(put["responses"]) == ["204", "400", "404", "409", "412", "428", "429", "500"]
    assert put["responses"]["412"] == {"$ref": "#/components/responses/PreconditionFailed.limited"}
    assert put["responses"]["409"]["content"].keys() == {"application/json"}
    assert 'schemas/Error"' not in json.dumps(made["paths"])


@pytest.mark.parametrize("status", [400, 422])
def test_flask_smorest_sends_what_is_documented(errors: ApiErrors, status: int) -> None:
    app, api = smorest_app(errors, APIERRORS_VALIDATION_STATUS=status)
    client, made = app.test_client(), api.spec.to_dict()
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
        content = response(made, "/vessels/{imo}", method, answer.status_code)["content"]
        assert accepts(content["application/json"]["schema"], answer.json), answer.json


# -- APIFlask


def apiflask_app(errors: ApiErrors) -> APIFlask:
    class Vessel(apiflask.Schema):
        name = apiflask.fields.String(required=True)

    app = APIFlask(__name__, json_errors=False)
    app.config["OPENAPI_VERSION"] = "3.1.0"
    errors.init_app(app)

    @app.errorhandler(apiflask.HTTPError)
    def answer(error: apiflask.HTTPError) -> Any:
        if error.status_code == 422 and error.detail:
            return errors.response(marshmallow.ValidationError(next(iter(error.detail.values()))))
        return errors.response(
            ApiError(error.message, status=error.status_code, headers=error.headers)
        )

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


def test_apiflask_documents_what_this_package_answers(errors: ApiErrors) -> None:
    made = json.loads(json.dumps(apiflask_app(errors).spec))
    validate(made)
    put = made["paths"]["/vessels/{imo}"]["put"]
    assert list(put["responses"]) == ["204", "400", "401", "403", "404", "418", "429", "500"]
    assert put["responses"]["400"] == {"$ref": "#/components/responses/ValidationFailed.limited"}
    assert put["responses"]["418"] == {"$ref": "#/components/responses/ImATeapot.limited"}
    assert put["security"] == [{"Bearer": ["vessels:read"]}]


def test_apiflask_sends_what_is_documented(errors: ApiErrors) -> None:
    app = apiflask_app(errors)
    client, made = app.test_client(), app.spec
    assert isinstance(made, dict)
    allowed = {"Authorization": "Bearer good"}
    for answer, status in [
        (client.put("/vessels/1", json={}, headers=allowed), 400),
        (client.put("/vessels/1", json={"name": "Aurora"}), 401),
        (client.put("/vessels/2", json={"name": "Aurora"}, headers=allowed), 404),
    ]:
        assert answer.status_code == status
        content = response(made, "/vessels/{imo}", "put", status)["content"]
        assert accepts(content["application/json"]["schema"], answer.json), answer.json


# -- fields


def test_a_timestamp_is_described_as_a_date_or_a_date_time() -> None:
    class Query(marshmallow.Schema):
        start = Timestamp(
            data_key="from", metadata={"description": "From when on.", "deprecated": True}
        )
        end = Timestamp()

    spec = APISpec("Vessels", "1", "3.1.0", plugins=[MarshmallowPlugin()])
    spec.components.schema("Query", schema=Query)
    described = spec.to_dict()["components"]["schemas"]["Query"]["properties"]
    assert described["end"]["type"] == "string"
    assert described["end"]["anyOf"] == [{"format": "date-time"}, {"format": "date"}]
    assert described["from"] == described["end"] | {
        "description": "From when on.",
        "deprecated": True,
    }
