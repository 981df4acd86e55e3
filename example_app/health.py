"""``GET /health``, for the load balancer: without a token and without rate limits."""

from __future__ import annotations

from sqlite3 import DatabaseError

from flask import Blueprint, Response, jsonify

from flask_apierrors import raises

from .store import connection

blueprint = Blueprint("health", __name__)


@blueprint.get("/health")
@raises(DatabaseError)
def check() -> Response:
    """Check whether the store can be read."""
    (measurements,) = connection().execute("SELECT count(*) FROM measurements").fetchone()
    return jsonify(status="ok", measurements=measurements)
