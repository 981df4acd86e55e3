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
    """Read measurements. A `*` in the expression matches one level of a name."""
    window = requested_window()
    measurements = select(requested_series(domain, expression), window)
    if negotiated_type == "text/csv":
        return to_csv(measurements)
    return jsonify(measurements=measurements)


def requested_series(domain: str, expression: str) -> list[Series]:
    series = matching_series(domain, expression)
    if not series:
        raise SeriesNotFound(f"No series is named {domain}/{expression}. A * matches one level.")
    return series


def select(series: list[Series], window: Window) -> list[dict[str, Any]]:
    by_id = {item.id: item for item in series}
    placeholders = ", ".join("?" * len(by_id))
    query = (
        "SELECT series_id, time, value FROM measurements"  # noqa: S608
        f" WHERE series_id IN ({placeholders}) AND time >= ? AND time < ?"
        " ORDER BY time, series_id LIMIT ?"
    )
    return [
        {
            "series": by_id[number].name,
            "time": iso(time),
            "value": value,
            "unit": by_id[number].unit,
        }
        for number, time, value in connection().execute(query, (*by_id, *window))
    ]


def to_csv(measurements: list[dict[str, Any]]) -> Response:
    text = io.StringIO()
    writer = csv.DictWriter(text, ["series", "time", "value", "unit"])
    writer.writeheader()
    writer.writerows(measurements)
    return Response(text.getvalue(), mimetype="text/csv")
