"""Promises to users of APIFlask: its document has the errors that this package answers."""

from __future__ import annotations

import json
from typing import Any

import marshmallow
import pytest

pytest.importorskip("apispec")

import apiflask
from apiflask import APIFlask
from openapi_spec_validator import validate

from flask_apierrors import ApiError, ApiErrors, rate_limit, requires_permissions
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


def test_its_document_has_the_errors_of_this_package() -> None:
    document = json.loads(json.dumps(apiflask_app().spec))
    validate(document)
    put = document["paths"]["/vessels/{imo}"]["put"]
    assert list(put["responses"]) == ["204", "400", "401", "403", "404", "418", "429", "500"]
    assert put["responses"]["400"] == {"$ref": "#/components/responses/ValidationFailed.limited"}
    assert put["responses"]["418"] == {"$ref": "#/components/responses/ImATeapot.limited"}
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
