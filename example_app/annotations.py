"""``/annotations``: notes about the measurements."""

from __future__ import annotations

from sqlite3 import DatabaseError
from typing import Annotated, Any
from uuid import UUID, uuid4

import pydantic
from flask import Blueprint, Response, jsonify, request, url_for
from marshmallow import ValidationError
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from flask_apierrors import (
    current_principal,
    produces,
    raises,
    rate_limit,
    requires_json,
    requires_permissions,
)

from .errors import AnnotationNotFound
from .store import connection, matching_series
from .window import iso, requested_window

blueprint = Blueprint("annotations", __name__)


def check_series(name: str) -> str:
    domain, _, path = name.partition("/")
    if name not in (series.name for series in matching_series(domain, path)):
        raise ValueError("No series has this name.")
    return name


def check_printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("Write one line of printable text.")
    return text


class NewAnnotation(BaseModel, extra="forbid", strict=True):
    series: Annotated[str, AfterValidator(check_series)] = Field(
        examples=["engine/aurora/port/rpm"]
    )
    time: AwareDatetime
    text: Annotated[str, AfterValidator(check_printable)] = Field(min_length=1, max_length=500)


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
@raises(pydantic.ValidationError, DatabaseError)
def create() -> tuple[Response, int, dict[str, str]]:
    """Add an annotation."""
    annotation = NewAnnotation.model_validate_json(request.get_data())
    row = (
        str(uuid4()),
        annotation.series,
        int(annotation.time.timestamp()),
        current_principal["sub"],
        annotation.text,
    )
    with connection() as store:
        store.execute("INSERT INTO annotations VALUES (?, ?, ?, ?, ?)", row)
    return jsonify(to_json(*row)), 201, {"Location": url_for(".delete", id=row[0])}


@blueprint.delete("/annotations/<uuid:id>")
@requires_permissions("annotations:write")
@rate_limit("30/minute")
@raises(AnnotationNotFound, DatabaseError)
def delete(id: UUID) -> tuple[str, int] | AnnotationNotFound:
    """Delete an annotation."""
    with connection() as store:
        deleted = store.execute("DELETE FROM annotations WHERE id = ?", (str(id),)).rowcount
    if not deleted:
        return AnnotationNotFound(f"There is no annotation {id}.")
    return "", 204


def to_json(id: str, series: str, time: int, author: str, text: str) -> dict[str, Any]:
    return {"id": id, "series": series, "time": iso(time), "author": author, "text": text}
