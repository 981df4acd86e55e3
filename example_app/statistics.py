"""``GET /statistics/<domain>/<path:expression>``."""

from __future__ import annotations

from sqlite3 import DatabaseError
from statistics import fmean, stdev
from typing import Any

from flask import Blueprint, Response, jsonify
from marshmallow import ValidationError

from flask_apierrors import produces, raises, rate_limit, requires_permissions

from .errors import SeriesNotFound
from .measurements import requested_series
from .store import Series, connection
from .window import Window, requested_window

blueprint = Blueprint("statistics", __name__)


@blueprint.get("/statistics/<domain>/<path:expression>")
@requires_permissions("measurements:read")
@produces("application/json")
@rate_limit("5/second")
@raises(ValidationError, SeriesNotFound, DatabaseError)
def read(domain: str, expression: str) -> Response:
    """Get figures about what the vessels measured. A `*` in the expression stands for one whole level."""
    window = requested_window(without=("limit",))
    found = [summary(series, window) for series in requested_series(domain, expression)]
    return jsonify(statistics=[one for one in found if one])


def summary(series: Series, window: Window) -> dict[str, Any]:
    query = "SELECT value FROM measurements WHERE series_id = ? AND time >= ? AND time < ? LIMIT ?"
    values = [value for (value,) in connection().execute(query, (series.id, *window))]
    if not values:
        return {}
    return {
        "series": series.name,
        "unit": series.unit,
        "count": len(values),
        "minimum": min(values),
        "maximum": max(values),
        "mean": round(fmean(values), 3),
        # The bug of this example, left in to be tried: a single value has no standard deviation.
        "deviation": round(stdev(values), 3),
    }
