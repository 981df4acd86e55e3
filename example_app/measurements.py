"""``GET /measurements/<domain>/<path:expression>``: JSON or CSV."""

from __future__ import annotations

import csv
import io
from sqlite3 import DatabaseError
from typing import Any

from flask import Blueprint, Response, jsonify
from marshmallow import ValidationError

from flask_apierrors import negotiated_type, produces, raises, rate_limit, requires_permissions

from .errors import SeriesNotFound
from .store import Series, connection, matching_series
from .window import Window, iso, requested_window

blueprint = Blueprint("measurements", __name__)


@blueprint.get("/measurements/<domain>/<path:expression>")
@requires_permissions("measurements:read")
@produces("application/json", "text/csv")
@rate_limit("10/second")
@raises(ValidationError, SeriesNotFound, DatabaseError)
def read(domain: str, expression: str) -> Response:
    """Get what the vessels measured. A `*` in the expression stands for one whole level."""
    window = requested_window()
    found = rows(requested_series(domain, expression), window)
    return as_csv(found) if negotiated_type == "text/csv" else jsonify(measurements=found)


def requested_series(domain: str, expression: str) -> list[Series]:
    found = matching_series(domain, expression)
    if not found:
        raise SeriesNotFound(
            f"No series is named {domain}/{expression}. A * stands for one whole level."
        )
    return found


def rows(series: list[Series], window: Window) -> list[dict[str, Any]]:
    known = {one.id: one for one in series}
    marks = ", ".join("?" * len(known))
    found = connection().execute(
        f"SELECT series_id, time, value FROM measurements WHERE series_id IN ({marks}) AND time >= ? AND time < ?"  # noqa: S608
        " ORDER BY time, series_id LIMIT ?",
        (*known, *window),
    )
    return [
        {
            "series": known[number].name,
            "time": iso(time),
            "value": value,
            "unit": known[number].unit,
        }
        for number, time, value in found
    ]


def as_csv(found: list[dict[str, Any]]) -> Response:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["series", "time", "value", "unit"])
    writer.writeheader()
    writer.writerows(found)
    return Response(text.getvalue(), mimetype="text/csv")
