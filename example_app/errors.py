"""The errors of this API, and who may call it."""

from __future__ import annotations

import sqlite3
from typing import Any

from flask import current_app
from werkzeug.exceptions import NotFound, ServiceUnavailable, Unauthorized

from flask_apierrors import ApiError, ApiErrors
from flask_apierrors.jwt import jwt_verifier

AUDIENCE = "telemetry"

errors = ApiErrors()


class InvalidClient(ApiError, Unauthorized):
    """The client id or the client secret is missing or wrong.

    Send both by HTTP Basic.
    """

    def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
        # A challenge of its own: the other endpoints ask for Bearer tokens.
        return [
            *super().get_headers(environ, scope),
            ("WWW-Authenticate", 'Basic realm="telemetry", charset="UTF-8"'),
        ]


class SeriesNotFound(ApiError, NotFound):
    """No series of measurements has this name. A `*` stands for one whole level of it."""


class AnnotationNotFound(ApiError, NotFound):
    """No annotation has this id."""


# The store is gone, locked or damaged. It is logged with its traceback; the client is told when to come back.
errors.convert(sqlite3.DatabaseError, to=ServiceUnavailable(retry_after=10))


def signing_key(token: str) -> str:
    key: str = current_app.config["SECRET_KEY"]
    return key


errors.verify_token(jwt_verifier(key=signing_key, algorithms=["HS256"], audience=AUDIENCE))
