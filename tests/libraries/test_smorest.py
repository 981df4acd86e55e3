"""Promises to users of flask-smorest: its document has the errors that this package answers."""

from __future__ import annotations

import json
from typing import Any

import marshmallow
import pytest

pytest.importorskip("apispec")

import flask_smorest
from flask import Flask
from flask.views import MethodView
from openapi_spec_validator import validate
from werkzeug.exceptions import NotFound

from flask_apierrors import ApiError, ApiErrors, raises, rate_limit, requires_permissions
from flask_apierrors._libraries.smorest import declared_code
from flask_apierrors.openapi import ApiErrorsPlugin
from tests.documents import Json, accepts, response_of


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


def smorest_app(**config: Any) -> tuple[Flask, flask_smorest.Api]:
    errors = ApiErrors()
    errors.verify_token({"good": {"scope": "vessels:read"}}.get)

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
        @vessels.alt_response(409, schema=Vessel, description="Another vessel has the name.")
        @vessels.etag
        @rate_limit("5/hour")
        def put(self, vessel: Json, imo: int) -> None:
            vessels.check_etag({"name": "Aurora"}, Vessel)

    api.register_blueprint(vessels)
    return app, api


def test_its_document_has_the_errors_of_this_package() -> None:
    _, api = smorest_app()
    document = json.loads(json.dumps(api.spec.to_dict()))
    validate(document)
    get, put = (document["paths"]["/vessels/{imo}"][method] for method in ("get", "put"))
    assert list(get["responses"]) == ["200", "400", "401", "403", "404", "500"]
    assert get["responses"]["400"] == {"$ref": "#/components/responses/ValidationFailed"}
    assert get["security"] == [{"Bearer": ["vessels:read"]}]
    assert list(put["responses"]) == ["204", "400", "404", "409", "412", "428", "429", "500"]
    assert put["responses"]["412"] == {"$ref": "#/components/responses/PreconditionFailed.limited"}
    assert put["responses"]["409"]["content"].keys() == {"application/json"}
    assert 'schemas/Error"' not in json.dumps(document["paths"])


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
