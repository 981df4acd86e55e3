"""The errors of this API, and how it verifies tokens."""

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
    """The client ID or the client secret is missing or wrong.

    Send both with HTTP Basic authentication.
    """

    def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
        # The other endpoints ask for a Bearer token instead.
        return [
            *super().get_headers(environ, scope),
            ("WWW-Authenticate", 'Basic realm="telemetry", charset="UTF-8"'),
        ]


class SeriesNotFound(ApiError, NotFound):
    """No series of measurements has this name. A `*` matches one level of a name."""


class AnnotationNotFound(ApiError, NotFound):
    """No annotation has this ID."""


# The store is missing, locked, or damaged. The log has the traceback, and the response says when
# to retry.
errors.convert(sqlite3.DatabaseError, to=ServiceUnavailable(retry_after=10))


def signing_key(token: str) -> str:
    key: str = current_app.config["SECRET_KEY"]
    return key


errors.verify_token(jwt_verifier(key=signing_key, algorithms=["HS256"], audience=AUDIENCE))
