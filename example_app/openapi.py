"""``GET /openapi.json``: this API for programs; its errors are those of the catalogue."""

from __future__ import annotations

from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Blueprint, Flask, Response, current_app, jsonify
from marshmallow import Schema, fields

from flask_apierrors.openapi import ApiErrorsPlugin

from .annotations import AnnotationSchema
from .window import WindowSchema

Operation = dict[str, Any]

blueprint = Blueprint("openapi", __name__)


class Measurement(Schema):
    series = fields.String(required=True, metadata={"example": "engine/aurora/port/rpm"})
    time = fields.DateTime(required=True)
    value = fields.Float(required=True)
    unit = fields.String(required=True)


class Summary(Schema):
    series = fields.String(required=True)
    unit = fields.String(required=True)
    count = fields.Integer(required=True)
    minimum = fields.Float(required=True)
    maximum = fields.Float(required=True)
    mean = fields.Float(required=True)
    deviation = fields.Float(required=True)


class StoredAnnotation(Schema):
    id = fields.UUID(required=True)
    series = fields.String(required=True)
    time = fields.DateTime(required=True)
    author = fields.String(required=True)
    text = fields.String(required=True)


class Token(Schema):
    access_token = fields.String(required=True)
    token_type = fields.Constant("Bearer", required=True)
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds."})
    scope = fields.String(required=True)


class Health(Schema):
    status = fields.Constant("ok", required=True)
    measurements = fields.Integer(required=True)


@blueprint.get("/openapi.json")
def document() -> Response:
    """Get the description of this API for programs (OpenAPI)."""
    known = current_app.extensions
    if "openapi" not in known:
        known["openapi"] = specification(current_app._get_current_object()).to_dict()  # type: ignore[attr-defined]
    return jsonify(known["openapi"])


def specification(app: Flask) -> APISpec:
    """The document: what is here about success, and what the app's catalogue knows about errors."""
    plugins = [MarshmallowPlugin(), ApiErrorsPlugin(app)]
    info = {"description": "What the vessels of a fleet measure."}
    spec = APISpec(
        "Vessel telemetry", "1.0.0", "3.1.0", plugins=plugins, info=info, servers=[{"url": "/"}]
    )
    spec.components.security_scheme(
        "Client", {"type": "http", "scheme": "basic", "description": "A client id and its secret."}
    )
    window: list[Any] = [{"in": "query", "schema": WindowSchema}]
    without_limit: list[Any] = [{"in": "query", "schema": WindowSchema(exclude=("limit",))}]

    spec.path("/token", operations={"post": get_token()})
    spec.path(
        "/measurements/{domain}/{expression}", operations={"get": read(window)}, parameters=series()
    )
    spec.path(
        "/statistics/{domain}/{expression}",
        operations={"get": summarize(without_limit)},
        parameters=series(),
    )
    spec.path("/annotations", operations={"get": list_annotations(window), "post": annotate()})
    spec.path(
        "/annotations/{id}",
        operations={"delete": forget()},
        parameters=[in_path("id", format="uuid")],
    )
    spec.path(
        "/health",
        operations={
            "get": operation("getHealth", "Is the API well?", {200: answer("It is.", Health)})
        },
    )
    description = operation(
        "getDocument", "This document.", {200: answer("This document.", {"type": "object"})}
    )
    spec.path("/openapi.json", operations={"get": description})
    return spec


def get_token() -> Operation:
    created = answer("A token of one hour.", Token)
    created["content"]["text/plain"] = {
        "schema": {"type": "string", "description": "The token alone."}
    }
    return operation("getToken", "Get a token for a client id and its secret.", {200: created}) | {
        "security": [{"Client": []}]
    }


def read(parameters: list[Any]) -> Operation:
    found = answer(
        "The measurements, in the order of their times.", listed("measurements", Measurement)
    )
    found["content"]["text/csv"] = {
        "schema": {"type": "string", "description": "A line for each, below their names."}
    }
    return operation("readMeasurements", "Read measurements.", {200: found}, parameters)


def summarize(parameters: list[Any]) -> Operation:
    return operation(
        "summarizeMeasurements",
        "Summarize measurements.",
        {200: answer("A summary of each series.", listed("statistics", Summary))},
        parameters,
    )


def list_annotations(parameters: list[Any]) -> Operation:
    return operation(
        "listAnnotations",
        "List annotations.",
        {200: answer("The annotations.", listed("annotations", StoredAnnotation))},
        parameters,
    )


def annotate() -> Operation:
    created = answer("The annotation.", StoredAnnotation)
    created["headers"] = {
        "Location": {"description": "Its URL.", "required": True, "schema": {"type": "string"}}
    }
    body = {"required": True, "content": {"application/json": {"schema": AnnotationSchema}}}
    return operation("createAnnotation", "Annotate a series.", {201: created}) | {
        "requestBody": body
    }


def forget() -> Operation:
    return operation(
        "deleteAnnotation", "Delete an annotation.", {204: {"description": "It is deleted."}}
    )


def operation(
    name: str, summary: str, responses: dict[int, Any], parameters: list[Any] | None = None
) -> Operation:
    return {
        "operationId": name,
        "summary": summary,
        "parameters": parameters or [],
        "responses": responses,
    }


def answer(description: str, schema: Any) -> Operation:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def listed(name: str, schema: type[Schema]) -> Operation:
    return {
        "type": "object",
        "required": [name],
        "properties": {name: {"type": "array", "items": schema}},
    }


def series() -> list[Operation]:
    return [in_path("domain", example="engine"), in_path("expression", example="aurora/port/rpm")]


def in_path(name: str, **schema: str) -> Operation:
    return {"in": "path", "name": name, "schema": {"type": "string", "minLength": 1} | schema}
