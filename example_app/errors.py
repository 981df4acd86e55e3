"""The errors of this API."""

from __future__ import annotations

import sqlite3

from werkzeug.exceptions import NotFound, ServiceUnavailable

from flask_apierrors import ApiError, ApiErrors

errors = ApiErrors()


class SeriesNotFound(ApiError, NotFound):
    """No series of measurements has this name. A `*` matches one level of a name."""


class AnnotationNotFound(ApiError, NotFound):
    """No annotation has this ID."""


# The store is missing, locked, or damaged. The log has the traceback, and the response says when
# to retry.
errors.convert(sqlite3.DatabaseError, to=ServiceUnavailable(retry_after=10))
