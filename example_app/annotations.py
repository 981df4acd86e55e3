"""``/annotations``: notes about the measurements."""

from __future__ import annotations

from sqlite3 import DatabaseError
from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, Response, jsonify, request, url_for
from marshmallow import Schema, ValidationError, fields, validate

from flask_apierrors import (
    current_principal,
    produces,
    raises,
    rate_limit,
    requires_json,
    requires_permissions,
)
from flask_apierrors.fields import Timestamp

from .errors import AnnotationNotFound
from .store import connection, matching_series
from .window import iso, requested_window

blueprint = Blueprint("annotations", __name__)


def check_series(name: str) -> None:
    domain, _, path = name.partition("/")
    if name not in (series.name for series in matching_series(domain, path)):
        raise ValidationError("No series has this name.")


def check_storable(text: str) -> None:
    if not text.isprintable():
        raise ValidationError("Write one line of printable text.")


class AnnotationSchema(Schema):
    series = fields.String(
        required=True, validate=check_series, metadata={"example": "engine/aurora/port/rpm"}
    )
    time = Timestamp(required=True)
    text = fields.String(required=True, validate=[validate.Length(1, 500), check_storable])


@blueprint.get("/annotations")
@requires_permissions("measurements:read")
@produces("application/json")
@raises(ValidationError, DatabaseError)
def list_all() -> Response:
    """List the annotations."""
    rows = connection().execute(
        "SELECT id, series, time, author, text FROM annotations"
        " WHERE time >= ? AND time < ? ORDER BY time, id LIMIT ?",
        requested_window(),
    )
    return jsonify(annotations=[to_json(*row) for row in rows])


@blueprint.post("/annotations")
@requires_permissions("annotations:write")
@requires_json
@produces("application/json")
@rate_limit("30/minute")
@raises(ValidationError, DatabaseError)
def create() -> tuple[Response, int, dict[str, str]]:
    """Add an annotation."""
    annotation = AnnotationSchema().load(request.get_json())
    row = (
        str(uuid4()),
        annotation["series"],
        int(annotation["time"].timestamp()),
        current_principal["sub"],
        annotation["text"],
    )
    with connection() as store:
        store.execute("INSERT INTO annotations VALUES (?, ?, ?, ?, ?)", row)
    return jsonify(to_json(*row)), 201, {"Location": url_for(".delete", id=row[0])}


@blueprint.delete("/annotations/<uuid:id>")
@requires_permissions("annotations:write")
@rate_limit("30/minute")
@raises(AnnotationNotFound, DatabaseError)
def delete(id: UUID) -> tuple[str, int]:
    """Delete an annotation."""
    with connection() as store:
        if not store.execute("DELETE FROM annotations WHERE id = ?", (str(id),)).rowcount:
            raise AnnotationNotFound(f"There is no annotation {id}.")
    return "", 204


def to_json(id: str, series: str, time: int, author: str, text: str) -> dict[str, Any]:
    return {"id": id, "series": series, "time": iso(time), "author": author, "text": text}
