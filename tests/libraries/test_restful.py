"""Promises to users of Flask-RESTful, and of Flask-RESTX where it is the same: one contract."""

from __future__ import annotations

from datetime import date
from types import ModuleType
from typing import Any

import flask_restful
import flask_restx
import pytest
from flask import Flask, got_request_exception
from flask_restful import inputs
from flask_restx import inputs as restx_inputs
from werkzeug.exceptions import Conflict, HTTPException

from flask_apierrors import ApiErrors
from flask_apierrors._cli.doctor import diagnose
from tests.libraries.resources import PARSERS, add, new_app, refuse, resource

JSON = dict[str, Any]
BOTH = (flask_restful, flask_restx)
INPUTS = {flask_restful: inputs, flask_restx: restx_inputs}


@pytest.fixture(params=BOTH, ids=lambda module: module.__name__)
def module(request: pytest.FixtureRequest) -> ModuleType:
    library: ModuleType = request.param
    return library


@pytest.fixture(params=["ApiErrors first", "Api first", "blueprint"])
def app(request: pytest.FixtureRequest, module: ModuleType) -> Flask:
    return new_app(module, request.param, APIERRORS_MEMBERS=("error", "errors", "extensions"))


@pytest.mark.parametrize(
    ("method", "url", "status", "body"),
    [
        ("PUT", "/berths", 409, {"error": "The berth is taken.", "berth": 7}),
        ("PUT", "/quays", 404, {"error": "The requested resource does not exist."}),
        ("GET", "/unknown", 404, {"error": "The requested resource does not exist."}),
        (
            "GET",
            "/berths?depth=deep",
            400,
            {
                "error": "Invalid 'depth': Must be of type integer.",
                "errors": [
                    {"detail": "Must be of type integer.", "parameter": "depth", "in": "query"}
                ],
            },
        ),
    ],
)
def test_an_error_is_that_of_the_contract(
    app: Flask, method: str, url: str, status: int, body: JSON
) -> None:
    answer = app.test_client().open(url, method=method)
    assert (answer.status_code, answer.json) == (status, body)


def test_an_invalid_body_of_marshmallow_is_a_400_that_repeats_nothing(app: Flask) -> None:
    answer = app.test_client().post("/berths", json={"depth": "hunter2"})
    assert (answer.status_code, answer.json) == (
        400,
        {
            "error": "Invalid 'depth': Not a valid integer.",
            "errors": [{"detail": "Not a valid integer.", "pointer": "#/depth"}],
        },
    )


def test_malformed_json_in_a_resource_says_where(app: Flask) -> None:
    answer = app.test_client().post("/berths", data="{", content_type="application/json")
    assert answer.status_code == 400
    assert answer.get_json()["error"].endswith("at line 1 column 2.")


def test_a_status_has_the_fields_that_the_library_drops(app: Flask) -> None:
    client = app.test_client()
    not_allowed = client.open("/quays", method="PATCH")
    assert not_allowed.status_code == 405
    assert {"GET", "PUT"} <= set(not_allowed.headers["Allow"].split(", "))
    assert client.get("/quays").headers["Retry-After"] == "30"


def test_guards_in_resources_keep_their_challenges(app: Flask) -> None:
    client = app.test_client()
    missing = client.patch("/berths")
    assert missing.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    refused = client.patch("/berths", headers={"Authorization": "Bearer good"})
    assert (refused.status_code, missing.status_code) == (403, 401)
    assert 'scope="berths:write"' in refused.headers["WWW-Authenticate"]


def test_a_crash_is_logged_and_signaled_once_and_tells_nothing(
    app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    signals = []

    def remember(sender: object, exception: Exception, **extra: object) -> None:
        signals.append(exception)

    with got_request_exception.connected_to(remember, app):
        answer = app.test_client().delete("/berths")
        app.test_client().put("/berths")
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert (len(caplog.records), len(signals)) == (1, 1)


def test_under_testing_a_crash_is_raised(module: ModuleType) -> None:
    app = new_app(module, TESTING=True)
    with pytest.raises(RuntimeError):
        app.test_client().delete("/berths")


def test_outside_the_prefixes_the_library_answers(module: ModuleType) -> None:
    app = new_app(module, APIERRORS_URL_PREFIXES=("/api",))
    answer = app.test_client().put("/berths")
    assert (answer.status_code, answer.json) == (
        409,
        {"message": "The berth is taken.", "berth": 7},
    )
    assert "X-Request-ID" not in answer.headers


def test_an_api_on_an_app_without_this_package_answers_itself(module: ModuleType) -> None:
    """One ``Api`` can be on two apps."""
    api: Any = module.Api()
    add(api, resource(module, put=lambda: refuse(module)), "/berths")
    first, second = Flask("first"), Flask("second")
    ApiErrors(first)
    for app in (first, second):
        api.init_app(app)
    assert first.test_client().put("/berths").get_json()["error"] == "The berth is taken."
    assert second.test_client().put("/berths").get_json()["message"] == "The berth is taken."


def test_catch_all_404s_changes_nothing(module: ModuleType) -> None:
    app = Flask("shop")
    ApiErrors(app)
    module.Api(app, catch_all_404s=True)
    answer = app.test_client().get("/unknown")
    assert answer.json == {"error": "The requested resource does not exist."}


def test_a_handler_of_the_app_is_asked_for_errors_in_resources(module: ModuleType) -> None:
    app = new_app(module)
    app.register_error_handler(Conflict, lambda error: ({"own": True}, 409))
    assert app.test_client().put("/berths").json == {"own": True}


@pytest.mark.skipif(
    "TRUSTED_HOSTS" not in Flask.default_config, reason="the key is new in Flask 3.1"
)
def test_a_host_that_is_not_trusted_is_a_400(module: ModuleType) -> None:
    answer = new_app(module, TRUSTED_HOSTS=["ok.example"]).test_client().get("/berths")
    assert answer.status_code == 400
    assert "localhost" not in answer.text


# -- what an author put there himself


def test_a_handle_error_of_an_author_wins_and_is_named(
    module: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    cls: Any = module.Api

    class Api(cls):
        def handle_error(self, error: Exception) -> Any:
            return self.make_response({"own": True}, 418)

    app = Flask("shop")
    ApiErrors(app)
    add(Api(app), resource(module, put=lambda: refuse(module)), "/berths")
    with caplog.at_level("INFO"):
        answer = app.test_client().put("/berths")
    assert (answer.status_code, answer.json) == (418, {"own": True})
    assert "Api.handle_error (Flask-REST" in caplog.text
    assert "hiding-handler" in {finding.code for finding in diagnose(app)}


def test_a_handle_error_that_an_author_puts_on_an_api_wins(module: ModuleType) -> None:
    app = Flask("shop")
    ApiErrors(app)
    api: Any = module.Api(app)
    add(api, resource(module, put=lambda: refuse(module)), "/berths")
    api.handle_error = lambda error: api.make_response({"own": True}, 418)
    assert app.test_client().put("/berths").json == {"own": True}


def test_errors_of_an_author_s_dict_are_as_he_wrote_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class BerthTaken(HTTPException):
        code = 500

    def raise_it() -> None:
        raise BerthTaken

    app = Flask("shop")
    ApiErrors(app)
    own = {"BerthTaken": {"message": "Taken.", "status": 409}}
    api = flask_restful.Api(app, errors=own)
    add(api, resource(flask_restful, put=raise_it, get=lambda: refuse(flask_restful)), "/berths")
    client = app.test_client()
    with caplog.at_level("INFO"):
        answer = client.put("/berths")
    assert (answer.status_code, answer.json) == (409, {"message": "Taken.", "status": 409})
    assert "errors['BerthTaken'] of an Api (Flask-RESTful)" in caplog.text
    assert client.get("/berths").json == {"error": "The berth is taken."}


def test_a_challenge_that_an_author_asks_for_is_sent(module: ModuleType) -> None:
    app = Flask("shop")
    errors = ApiErrors(app)
    errors.verify_token({"good": 1}.get)
    api = module.Api(app, serve_challenge_on_401=True)
    add(api, resource(module, get=lambda: module.abort(401)), "/berths")
    answer = app.test_client().get("/berths")
    challenges = answer.headers.getlist("WWW-Authenticate")
    assert challenges == [
        f'Basic realm="{module.__name__.replace("_", "-")}"',
        'Bearer realm="api"',
    ]


# -- the argument parser


def port(value: str) -> int:
    raise ValueError(f"{value} is no port of ours.")


@pytest.mark.parametrize("bundle", [True, False])
def test_each_argument_has_its_location_and_nothing_of_the_client(
    module: ModuleType, bundle: bool
) -> None:
    parser = PARSERS[module].RequestParser(bundle_errors=bundle)
    parser.add_argument("depth", type=float, location="form")
    parser.add_argument("flag", choices=("fi", "gb"), location="args")
    parser.add_argument("Since", type=date.fromisoformat, location="headers")
    parser.add_argument("token", type=int, location="cookies")
    parser.add_argument("page", type=INPUTS[module].positive, location="values")
    parser.add_argument("port", type=port, location="values")
    parser.add_argument("size", type=int, location=("args", "form"), required=True)
    app = Flask("shop")
    app.config["APIERRORS_MEMBERS"] = ("error", "errors")
    ApiErrors(app)
    add(module.Api(app), resource(module, post=lambda: parser.parse_args()), "/berths")
    answer = app.test_client(use_cookies=False).post(
        "/berths?flag=hunter1&page=hunter2",
        data={"depth": "hunter3", "port": "Turku"},
        headers={"Since": "hunter4", "Cookie": "token=hunter5"},
    )
    assert (answer.status_code, "hunter" in answer.text) == (400, False), answer.text
    errors = answer.get_json()["errors"]
    assert errors[0] == {"detail": "Must be of type number.", "pointer": "#/depth"}
    if not bundle:
        assert len(errors) == 1
        return
    assert [{name: error.get(name) for name in ("pointer", "parameter", "in")} for error in errors][
        1:
    ] == [
        {"pointer": None, "parameter": "flag", "in": "query"},
        {"pointer": None, "parameter": "Since", "in": "header"},
        {"pointer": None, "parameter": "token", "in": "cookie"},
        {"pointer": None, "parameter": "page", "in": "query"},
        {"pointer": "#/port", "parameter": None, "in": None},
        {"pointer": "#/size", "parameter": None, "in": None},
    ]
    assert errors[1]["detail"] == "Must be one of: fi, gb."
    assert errors[5]["detail"] == "Turku is no port of ours."


def test_the_help_of_an_author_stays(module: ModuleType) -> None:
    parser = PARSERS[module].RequestParser()
    words = "In meters: {error_msg}" if module is flask_restful else "In meters:"
    parser.add_argument("depth", type=int, location="args", help=words)
    app = Flask("shop")
    ApiErrors(app)
    add(module.Api(app), resource(module, get=lambda: parser.parse_args()), "/berths")
    answer = app.test_client().get("/berths?depth=hunter2")
    assert answer.json == {"error": "Invalid 'depth': In meters: Must be of type integer."}


def test_a_value_in_json_is_found_there(module: ModuleType) -> None:
    parser = PARSERS[module].RequestParser()
    parser.add_argument("depth", type=int, location="json")
    app = Flask("shop")
    app.config["APIERRORS_MEMBERS"] = ("error", "errors")
    ApiErrors(app)
    add(module.Api(app), resource(module, post=lambda: parser.parse_args()), "/berths")
    answer = app.test_client().post("/berths", json={"depth": "hunter2"})
    assert answer.get_json()["errors"] == [
        {"detail": "Must be of type integer.", "pointer": "#/depth"}
    ]


def test_a_status_that_an_author_chose_stays() -> None:
    parser = PARSERS[flask_restful].RequestParser(bundle_errors=True)
    parser.add_argument("depth", type=int, location="args")
    app = Flask("shop")
    ApiErrors(app)
    view = resource(flask_restful, get=lambda: parser.parse_args(http_error_code=418))
    add(flask_restful.Api(app), view, "/berths")
    answer = app.test_client().get("/berths?depth=hunter2")
    assert answer.status_code == 418
    assert answer.json == {"error": "Invalid 'depth': Must be of type integer."}


def test_the_status_of_a_failed_validation_is_the_configured_one(module: ModuleType) -> None:
    app = new_app(module, APIERRORS_VALIDATION_STATUS=422)
    assert app.test_client().get("/berths?depth=deep").status_code == 422
