"""Promises to users of Flask-RESTX: what is its own. What it shares is in ``test_restful.py``."""

from __future__ import annotations

from typing import Any

import flask_restx
import pytest
from flask import Flask
from flask_restx import fields
from werkzeug.exceptions import Conflict, NotFound

from flask_apierrors import ApiErrors
from tests.libraries.resources import add, crash, resource

REQUIRED = "Missing data for required field."


def new_api(**config: Any) -> tuple[Flask, flask_restx.Api]:
    app = Flask("shop")
    app.config.update(APIERRORS_MEMBERS=("error", "errors"), **config)
    ApiErrors(app)
    return app, flask_restx.Api(app)


# -- payload validation


@pytest.fixture
def app() -> Flask:
    app, api = new_api()
    vessel = api.model(
        "Vessel",
        {"name": fields.String(required=True, max_length=5), "tags": fields.List(fields.Integer)},
    )

    @api.route("/vessels")
    class Vessels(flask_restx.Resource):
        @api.expect(vessel, validate=True)
        def post(self) -> Any:
            return {}

        @api.expect([vessel], validate=True)
        def put(self) -> Any:
            return {}

        @api.marshal_with(vessel)
        def get(self) -> Any:
            return {"name": "Aurora"}

    return app


def test_a_payload_that_does_not_fit_its_model_has_pointers_and_no_values(app: Flask) -> None:
    answer = app.test_client().post("/vessels", json={"tags": [1, "hunter2"]})
    assert (answer.status_code, "hunter2" in answer.text) == (400, False)
    assert answer.json == {
        "error": f"Invalid 'name': {REQUIRED}; Invalid 'tags[1]': Must be of type integer.",
        "errors": [
            {"detail": REQUIRED, "pointer": "#/name", "code": "required"},
            {
                "detail": "Must be of type integer.",
                "pointer": "#/tags/1",
                "code": "type",
                "params": {"type": "integer"},
            },
        ],
    }


def test_an_item_of_a_list_has_its_index(app: Flask) -> None:
    body = [{"name": "Auro"}, {"name": "Borealis"}]
    answer = app.test_client().put("/vessels", json=body)
    assert [error["pointer"] for error in answer.get_json()["errors"]] == ["#/1/name"]


def test_a_malformed_mask_is_a_header_that_is_invalid(app: Flask) -> None:
    answer = app.test_client().get("/vessels", headers={"X-Fields": "{name"})
    assert answer.status_code == 400
    assert answer.get_json()["errors"] == [
        {"detail": "Missing closing bracket.", "parameter": "X-Fields", "in": "header"}
    ]


def test_errors_that_an_author_gives_to_its_abort_are_kept() -> None:
    app, api = new_api()

    def refuse() -> None:
        flask_restx.abort(400, "No.", errors={"depth": "Too shallow."})

    add(api, resource(flask_restx, put=refuse), "/berths")
    answer = app.test_client().put("/berths", json={"depth": 1})
    assert answer.json == {
        "error": "No.",
        "errors": [{"detail": "Too shallow.", "pointer": "#/depth"}],
    }


# -- handlers


def raises(exc: Exception) -> Any:
    def view() -> None:
        raise exc

    return view


def test_handlers_of_an_author_win_and_are_named(caplog: pytest.LogCaptureFixture) -> None:
    app, api = new_api()
    namespace = api.namespace("berths")

    @api.errorhandler(NotFound)
    def of_api(error: Exception) -> Any:
        return {"own": "api"}, 404

    @namespace.errorhandler(KeyError)
    def of_namespace(error: Exception) -> Any:
        return {"own": "namespace"}, 409

    methods = {
        "get": raises(NotFound()),
        "put": raises(KeyError()),
        "post": raises(Conflict("No.")),
    }
    add(namespace, resource(flask_restx, **methods), "/")
    client = app.test_client()
    with caplog.at_level("INFO"):
        assert client.get("/berths/").get_json()["own"] == "api"
    assert client.put("/berths/").get_json()["own"] == "namespace"
    assert client.post("/berths/").json == {"error": "No."}
    assert "of_api (Flask-RESTX)" in caplog.text
    assert "of_namespace (Flask-RESTX)" in caplog.text
    assert "mask" not in caplog.text


@pytest.mark.parametrize("cls", [None, Exception])
def test_a_handler_for_all_gets_what_the_contract_has_no_answer_for(
    cls: type[Exception] | None,
) -> None:
    app, api = new_api()

    def own(error: Exception) -> Any:
        return {"own": True}, 500

    api.errorhandler(cls)(own) if cls else api.errorhandler(own)
    methods = {"get": crash, "put": raises(Conflict("No."))}
    add(api, resource(flask_restx, **methods), "/berths")
    client = app.test_client()
    assert client.get("/berths").get_json()["own"] is True
    assert client.put("/berths").json == {"error": "No."}
