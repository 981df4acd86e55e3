"""Promises of OpenAPI: a document has the errors of the catalogue, whoever makes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any, NoReturn

import pytest

pytest.importorskip("apispec")

import marshmallow
from apispec import APISpec
from apispec.exceptions import DuplicateComponentNameError
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask, Response
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
from flask_apierrors._catalogue.catalogue import catalogue
from flask_apierrors._cli.lock import lock_of
from flask_apierrors.fields import Timestamp
from flask_apierrors.openapi import ApiErrorsPlugin, add_errors
from tests.documents import Json, accepts, resolved, response_of


class VesselNotFound(ApiError, NotFound):
    """No vessel with this IMO number is registered."""


class VesselSold(ApiError, NotFound):
    """The vessel was sold. Ask its new owner."""

    type = "https://errors.example/vessel-sold"


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


def new_document(version: str = "3.1.0") -> Json:
    return {"openapi": version, "info": {"title": "Vessels", "version": "1"}, "paths": paths()}


def by_plugin(app: Flask, version: str = "3.1.0", written: Json | None = None) -> Json:
    spec = APISpec("Vessels", "1", version, plugins=[MarshmallowPlugin(), ApiErrorsPlugin(app)])
    for path, item in (written or paths()).items():
        operations = {
            method: operation for method, operation in item.items() if method != "parameters"
        }
        spec.path(path, operations=operations, parameters=item.get("parameters"))
    document: Json = json.loads(json.dumps(spec.to_dict()))
    return document


def by_function(app: Flask, version: str = "3.1.0", written: Json | None = None) -> Json:
    document: Json = json.loads(
        json.dumps(add_errors(new_document(version) | ({"paths": written} if written else {}), app))
    )
    return document


both_ways = pytest.mark.parametrize("described", [by_plugin, by_function])


def examples(content: Json) -> Iterator[Any]:
    for example in content["examples"].values():
        yield example["value"]


def document_of(path: str, responses: Json, **operation: Any) -> Json:
    """A document with one operation."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "API", "version": "1"},
        "paths": {path: {"get": {"responses": responses, **operation}}},
    }


# -- what is written


@both_ways
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_the_document_is_valid(app: Flask, described: Callable[..., Json], version: str) -> None:
    validate(described(app, version))


def test_the_plugin_and_the_function_write_the_same(app: Flask) -> None:
    by_apispec, completed = by_plugin(app), by_function(app)
    assert by_apispec["components"] == completed["components"]
    # apispec writes the parameters of a path last
    assert by_apispec["paths"] == completed["paths"]


def test_the_function_may_be_called_twice(app: Flask) -> None:
    once = by_function(app)
    assert add_errors(json.loads(json.dumps(once)), app) == once


@both_ways
def test_an_operation_has_exactly_the_errors_that_it_can_answer(
    app: Flask, described: Callable[..., Json]
) -> None:
    document = described(app)
    operations = {
        (path, method): item[method]
        for path, item in document["paths"].items()
        for method in item.keys() & {"get", "post"}
    }
    assert {place: list(operation["responses"]) for place, operation in operations.items()} == {
        ("/vessels/{imo}", "get"): ["200", "401", "403", "404", "406", "500"],
        ("/vessels", "post"): ["201", "400", "401", "415", "500"],
        ("/harbours", "get"): ["200", "429", "500"],
    }


@both_ways
def test_the_errors_of_a_status_share_a_response(
    app: Flask, described: Callable[..., Json]
) -> None:
    not_found = response_of(described(app), "/vessels/{imo}", "get", 404)
    assert (
        "- **Vessel not found**: No vessel with this IMO number is registered."
        in not_found["description"]
    )
    for content in not_found["content"].values():
        assert list(content["examples"]) == ["not-found", "vessel-not-found"]


@both_ways
def test_operations_share_responses(app: Flask, described: Callable[..., Json]) -> None:
    document = described(app)
    first, second = (
        document["paths"][path][method]["responses"]["401"]
        for path, method in [("/vessels/{imo}", "get"), ("/vessels", "post")]
    )
    assert first == second == {"$ref": "#/components/responses/Unauthorized-InvalidToken"}


@both_ways
def test_the_schema_of_a_problem_lists_the_possible_types(
    app: Flask, described: Callable[..., Json]
) -> None:
    schema = response_of(described(app), "/vessels/{imo}", "get", 404)["content"][
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
def test_a_path_describes_the_answer_to_its_other_methods(
    app: Flask, described: Callable[..., Json]
) -> None:
    document = described(app)
    not_allowed = resolved(document["paths"]["/vessels"]["x-method-not-allowed"], document)
    assert not_allowed["headers"]["Allow"]["required"]
    assert all(
        "405" not in operation["responses"]
        for item in document["paths"].values()
        for operation in item.values()
        if "responses" in operation
    )


@both_ways
def test_each_operation_says_after_which_errors_to_retry(
    app: Flask, described: Callable[..., Json]
) -> None:
    documented_paths = described(app)["paths"]
    assert documented_paths["/vessels"]["post"]["x-retry"] == {
        "400": "never",
        "401": "never",
        "415": "never",
        "500": "never",
    }
    assert documented_paths["/harbours"]["get"]["x-retry"] == {
        "429": "after-delay",
        "500": "after-delay",
    }


@both_ways
def test_guards_are_security_requirements(app: Flask, described: Callable[..., Json]) -> None:
    document = described(app)
    assert document["components"]["securitySchemes"]["Bearer"]["scheme"] == "bearer"
    assert document["paths"]["/vessels/{imo}"]["get"]["security"] == [{"Bearer": ["vessels:read"]}]
    assert document["paths"]["/vessels"]["post"]["security"] == [{"Bearer": []}]
    assert "security" not in document["paths"]["/harbours"]["get"]


@both_ways
def test_openapi_3_0_has_no_scopes_for_bearer_tokens(
    app: Flask, described: Callable[..., Json]
) -> None:
    assert described(app, "3.0.3")["paths"]["/vessels/{imo}"]["get"]["security"] == [{"Bearer": []}]


@both_ways
@pytest.mark.parametrize("is_enabled", [False, True])
def test_the_fields_of_limits_stand_where_the_app_sends_them(
    make_app: Callable[..., Flask], described: Callable[..., Json], is_enabled: bool
) -> None:
    app = make_app(RATELIMIT_HEADERS_ENABLED=is_enabled)
    app.add_url_rule("/harbours", "harbours", rate_limit("1/hour")(lambda: "Kiel"))
    app.add_url_rule("/vessels", "register", lambda: "", methods=["POST"])
    document = described(app)
    fields = {"RateLimit", "RateLimit-Policy"}
    for status, has_fields in ((200, is_enabled), (429, True), (500, is_enabled)):
        headers = response_of(document, "/harbours", "get", status)["headers"]
        assert fields & headers.keys() == (fields if has_fields else set())
    assert "RateLimit" not in response_of(document, "/vessels", "post", 500)["headers"]
    assert len(document["paths"]["/harbours"]["get"]["x-rate-limits"]) == 1


@both_ways
def test_a_success_has_the_request_id(app: Flask, described: Callable[..., Json]) -> None:
    document = described(app)
    headers = response_of(document, "/vessels", "post", 201)["headers"]
    assert headers.keys() == {"X-Request-ID"}
    assert headers["X-Request-ID"]["required"] is True


def test_a_success_has_no_request_id_if_the_app_sends_none() -> None:
    app = Flask(__name__)
    app.config["APIERRORS_REQUEST_ID_HEADER"] = None
    ApiErrors(app)
    app.add_url_rule("/harbours", view_func=lambda: "OK")
    document = add_errors(document_of("/harbours", {"200": {"description": "OK"}}), app)
    assert document["paths"]["/harbours"]["get"]["responses"]["200"] == {"description": "OK"}


def test_a_header_of_the_author_is_kept(app: Flask) -> None:
    own = {"description": "Ours.", "schema": {"type": "string"}}
    shared = {"$ref": "#/components/responses/Shared"}
    responses = {
        "200": {"description": "OK", "headers": {"x-request-id": own}},
        "302": {"description": "Elsewhere", "headers": {"Location": own}},
        "206": shared,
    }
    document = add_errors(document_of("/harbours", responses), app)
    written = document["paths"]["/harbours"]["get"]["responses"]
    assert written["200"]["headers"]["x-request-id"] == own
    assert "X-Request-ID" not in written["200"]["headers"]
    assert {"Location", "X-Request-ID"} <= written["302"]["headers"].keys()
    assert written["206"] == shared


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
    document = described(app)
    answer = app.test_client().open(
        path, method=method, headers=headers | {"Accept": accept}, data=body
    )
    assert answer.status_code == status
    if status == 405:
        described_response = resolved(document["paths"][template]["x-method-not-allowed"], document)
    else:
        described_response = response_of(document, template, method, status)
    assert accepts(described_response["content"][answer.mimetype]["schema"], answer.json)
    for name, header in described_response["headers"].items():
        assert name in answer.headers or not header["required"]
    documented_names = {"Content-Type", "Content-Length", *described_response["headers"]}
    assert set(answer.headers.keys()) <= documented_names


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
        for failure in resolved(
            responses["paths"]["/vessels/{imo}"]["patch"]["responses"], responses
        ).values():
            for content in failure["content"].values():
                assert all(accepts(content["schema"], example) for example in examples(content))


def test_the_plain_body_has_the_configured_members(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(APIERRORS_MEMBERS=("error", "status", "errors"))
    app.add_url_rule("/x", "x", lambda: "")
    body = by_function(app, written={"/x": {"get": {}}})["components"]["schemas"]["ErrorBody"]
    assert list(body["properties"]) == ["error", "status", "errors"]
    assert body["required"] == ["error", "status"]


def test_examples_show_a_body_of_the_authors_own_shape(
    make_app: Callable[..., Flask],
) -> None:
    errors = ApiErrors()
    errors.format(lambda problem: {"code": problem.status, "message": problem.detail})
    app = make_app(errors)
    app.add_url_rule("/x", "x", lambda: "")
    document = by_function(app, written={"/x": {"get": {}}})
    content = response_of(document, "/x", "get", 500)["content"]["application/json"]
    assert content["schema"] == {"type": "object", "description": "An error."}
    assert [example["code"] for example in examples(content)] == [500]


@pytest.mark.parametrize(
    ("body", "schema"),
    [
        (Response("{}", content_type="application/vnd.api+json"), {"type": "object"}),
        (Response("no JSON", content_type="text/plain"), {"type": "string"}),
        (["No."], {"type": "array"}),
        (Response("1", content_type="application/json"), {}),
    ],
)
def test_the_media_type_of_an_authors_own_body_is_documented(
    make_app: Callable[..., Flask], body: Any, schema: Json
) -> None:
    errors = ApiErrors()
    errors.format(lambda problem: body)
    app = make_app(errors, APIERRORS_REFERENCE_URL="/errors")
    app.add_url_rule("/x", "x", lambda: "")
    document = by_function(app, written={"/x": {"get": {}}})
    media_type = (body.mimetype or "") if isinstance(body, Response) else "application/json"
    content = response_of(document, "/x", "get", 500)["content"]
    assert list(content) == [media_type, "application/problem+json"]
    assert content[media_type]["schema"] == schema | {"description": "An error."}
    client = app.test_client()
    assert media_type in client.get("/errors/not-found", headers={"Accept": "text/html"}).text
    assert client.get("/errors").status_code == 200
    lock_of(catalogue(app))


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
    operation = described(app, written=written)["paths"]["/harbours"]["get"]
    assert operation["responses"]["500"] == mine
    assert operation["responses"]["200"]["headers"].keys() == {"X-Mine", "X-Request-ID"}
    assert (operation["x-retry"], operation["x-rate-limits"], operation["security"]) == ({}, [], [])


@both_ways
def test_a_response_with_only_a_description_gets_content_and_headers(
    app: Flask, described: Callable[..., Json]
) -> None:
    written = paths()
    written["/harbours"]["get"]["responses"]["500"] = {
        "description": "The harbour master is asleep."
    }
    response = response_of(described(app, written=written), "/harbours", "get", 500)
    assert response["description"] == "The harbour master is asleep."
    assert response["content"].keys() == {"application/json", "application/problem+json"}
    assert "Cache-Control" in response["headers"]


def test_each_error_that_an_author_described_gets_its_body_and_headers(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()
    app.add_url_rule("/x", view_func=lambda: {})

    @app.get("/y")
    @raises(VesselNotFound)
    def y() -> str:
        return ""

    document = document_of("/x", {"200": {"description": "OK."}, "404": {"description": "Gone."}})
    responses = add_errors(document, app)["paths"]["/x"]["get"]["responses"]
    validate(document)
    assert responses["404"]["description"] == "Gone."
    assert "X-Request-ID" in responses["404"]["headers"]
    examples = responses["404"]["content"]["application/json"]["examples"]
    assert sorted(examples) == ["not-found", "vessel-not-found"]
    assert responses["200"].keys() == {"description", "headers"}


@pytest.mark.parametrize(
    ("general", "own", "is_secured"),
    [
        (None, [{"key": []}], True),
        ([{"key": []}], None, True),
        ([{"key": []}], [], False),
        (None, None, False),
    ],
)
def test_a_secured_operation_has_a_401(
    make_app: Callable[..., Flask], general: Any, own: Any, is_secured: bool
) -> None:
    app = make_app()
    app.add_url_rule("/x", view_func=lambda: {})
    security = {} if own is None else {"security": own}
    document = document_of("/x", {"200": {"description": "OK."}}, **security)
    options = {} if general is None else {"security": general}
    done = add_errors(document | options, app)
    assert ("401" in done["paths"]["/x"]["get"]["responses"]) is is_secured

    plugin = ApiErrorsPlugin(app)
    spec = APISpec("API", "1", "3.1.0", plugins=[plugin], **options)
    responses = {"200": {"description": "OK."}}
    spec.path("/x", operations={"get": {"responses": responses, **security}})
    assert ("401" in spec.to_dict()["paths"]["/x"]["get"]["responses"]) is is_secured


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
    responses = by_function(app, written=written)["paths"]["/harbours"]["get"]["responses"]
    assert list(responses) == ["429", "500"]
    assert responses["500"]["description"] == "Mine."


@both_ways
def test_paths_of_other_servers_and_hidden_paths_stay_as_they_are(
    app: Flask, errors: ApiErrors, described: Callable[..., Json]
) -> None:
    errors.hide("harbours")
    written = paths() | {
        "/elsewhere": {"get": {"responses": {"200": {"description": "Of another server."}}}}
    }
    documented_paths = described(app, written=json.loads(json.dumps(written)))["paths"]
    assert documented_paths["/elsewhere"] == written["/elsewhere"]
    assert documented_paths["/harbours"] == written["/harbours"]


@both_ways
def test_a_header_field_has_one_description_for_all_errors(
    make_app: Callable[..., Flask], errors: ApiErrors, described: Callable[..., Json]
) -> None:
    app = make_app(errors)
    app.add_url_rule(
        "/x", "x", rate_limit("1/hour")(raises(ServiceUnavailable, Unauthorized)(lambda: ""))
    )
    app.add_url_rule("/y", "y", requires_auth(raises(ServiceUnavailable)(lambda: "")))
    document = described(
        app,
        written={
            "/x": {"get": {}},
            "/y": {"get": {"responses": {"503": {"description": "Mine."}}}},
        },
    )
    for status, name in [(401, "WWW-Authenticate"), (429, "Retry-After"), (503, "Retry-After")]:
        assert (
            response_of(document, "/x", "get", status)["headers"][name]
            == document["components"]["headers"][name]
        )
    assert add_errors(json.loads(json.dumps(document)), app) == document


def test_a_value_that_is_not_a_response_stays(app: Flask) -> None:
    written = paths()
    written["/harbours"]["get"]["responses"]["400"] = None
    assert (
        by_function(app, written=written)["paths"]["/harbours"]["get"]["responses"]["400"] is None
    )


def test_a_different_component_of_the_same_name_is_refused(app: Flask) -> None:
    taken = new_document() | {"components": {"schemas": {"ErrorBody": {"type": "string"}}}}
    with pytest.raises(DuplicateComponentNameError, match="schemas/ErrorBody of its own"):
        add_errors(taken, app)


@both_ways
def test_a_field_with_different_examples_is_one_component(
    app: Flask, described: Callable[..., Json]
) -> None:
    class InvalidClient(ApiError, Unauthorized):
        """The client id or the secret is wrong."""

        def get_headers(self, *args: Any) -> list[tuple[str, str]]:
            return [("WWW-Authenticate", 'Basic realm="x"')]

    app.add_url_rule("/token", "token", raises(InvalidClient)(lambda: ""))
    document = described(app, written=paths() | {"/token": {"get": {"responses": {}}}})
    assert (
        response_of(document, "/token", "get", 401)["headers"]["WWW-Authenticate"]["required"]
        is True
    )


def test_an_older_openapi_is_refused(app: Flask) -> None:
    with pytest.raises(ValueError, match=r"Use OpenAPI 3\.0 or later"):
        add_errors({"swagger": "2.0", "paths": {}}, app)
    with pytest.raises(ValueError, match=r"OpenAPI 2\.0"):
        APISpec("Vessels", "1", "2.0", plugins=[ApiErrorsPlugin(app)])


def test_an_app_without_api_errors_is_refused() -> None:
    with pytest.raises(RuntimeError, match="no ApiErrors"):
        add_errors(new_document(), Flask(__name__))


def test_a_view_can_be_registered_after_the_specification(app: Flask) -> None:
    spec = APISpec("Vessels", "1", "3.1.0", plugins=[ApiErrorsPlugin(app)])
    spec.path("/harbours", operations={"get": {}})
    app.add_url_rule("/late/<int:number>", "late", lambda number: "")
    spec.path("/late/{number}", operations={"get": {}})
    assert list(spec.to_dict()["paths"]["/late/{number}"]["get"]["responses"]) == ["404", "500"]


def test_types_and_examples_have_the_path_of_the_mount_point(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(APIERRORS_REFERENCE_URL="/errors")
    app.add_url_rule("/x", "x", lambda: "")
    written = {"openapi": "3.1.0", "paths": {"/x": {"get": {}}}}
    content = response_of(add_errors(written, app, root_path="/v1"), "/x", "get", 500)["content"][
        "application/problem+json"
    ]
    assert content["schema"]["allOf"][1]["properties"]["type"]["enum"] == [
        "/v1/errors/internal-server-error"
    ]
    assert next(examples(content))["instance"].startswith("/v1/x#")


def test_renamed_members_and_constants_are_in_the_schema(make_app: Callable[..., Flask]) -> None:
    members = {"message": "error", "success": False, "wait": "retry_after"}
    app = make_app(APIERRORS_MEMBERS=members | {"extensions": "extensions"})
    app.add_url_rule("/x", "x", lambda: "")
    document = add_errors({"openapi": "3.1.0", "paths": {"/x": {"get": {}}}}, app)
    schema = document["components"]["schemas"]["ErrorBody"]
    assert schema["required"] == ["message", "success"]
    assert list(schema["properties"]) == ["message", "success", "wait"]
    assert schema["properties"]["success"] == {"enum": [False]}


def test_an_app_that_only_sends_problem_json_documents_no_other_body(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(APIERRORS_FORMAT="problem")
    app.add_url_rule("/x", "x", lambda: "")
    document = add_errors({"openapi": "3.1.0", "paths": {"/x": {"get": {}}}}, app)
    assert list(response_of(document, "/x", "get", 500)["content"]) == ["application/problem+json"]
    assert "ErrorBody" not in document["components"]["schemas"]


@both_ways
def test_any_type_makes_the_name_of_a_component(
    make_app: Callable[..., Flask], described: Callable[..., Json]
) -> None:
    app = make_app()
    app.add_url_rule("/x", "x", raises(VesselSold)(lambda: ""))
    document = described(app, written={"/x": {"get": {}}})
    assert "#/components/responses/VesselSold" in document["paths"]["/x"]["get"]["responses"][
        "404"
    ]["$ref"].replace("Not%20Found-", "")
    validate({"info": {"title": "", "version": ""}} | document)


def test_a_status_can_be_retried_if_all_its_errors_can(
    make_app: Callable[..., Flask],
) -> None:
    class Busy(ApiError, Conflict):
        retry = "after-delay"

    app = make_app()
    app.add_url_rule("/x", "x", raises(Busy)(lambda: ""), methods=["POST"])
    app.add_url_rule("/y", "y", raises(Busy, Conflict)(lambda: ""), methods=["POST"])
    documented_paths = by_function(app, written={"/x": {"post": {}}, "/y": {"post": {}}})["paths"]
    assert documented_paths["/x"]["post"]["x-retry"]["409"] == "after-delay"
    assert documented_paths["/y"]["post"]["x-retry"]["409"] == "never"


# -- methods


def test_openapi_3_2_has_a_place_for_query_and_for_methods_without_a_name(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()
    view = requires_json(lambda: "")
    app.add_url_rule("/x", "x", view, methods=["QUERY", "PURGE"])
    document = add_errors(
        {
            "openapi": "3.2.0",
            "info": {"title": "", "version": ""},
            "paths": {"/x": {"query": {}, "additionalOperations": {"PURGE": {}}}},
        },
        app,
    )
    validate(document)
    item = document["paths"]["/x"]
    query, purge = item["query"], item["additionalOperations"]["PURGE"]
    assert resolved(query["responses"]["415"], document)["headers"].keys() >= {"Accept-Query"}
    assert query["x-retry"]["500"] == "after-delay"  # RFC 10008 section 2: QUERY is idempotent
    assert purge["x-retry"]["500"] == "never"


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
