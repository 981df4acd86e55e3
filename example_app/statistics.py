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
    """Summarize measurements. A `*` in the expression matches one level of a name."""
    window = requested_window(without=("limit",))
    series = requested_series(domain, expression)
    return jsonify(statistics=list(filter(None, (summary(item, window) for item in series))))


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
        # A bug to try: a single value has no standard deviation, so this crashes.
        "deviation": round(stdev(values), 3),
    }
