"""An example: a vessel telemetry API that uses flask_apierrors.

``make run`` starts it and prints requests to try.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask

from flask_apierrors import requires_auth

from . import (
    annotations,
    health,
    measurements,
    monitoring,
    openapi,
    statistics,
    store,
    tokens,
)
from .errors import errors

#: The endpoints that need no token and no key.
OPEN = ("health.check", "openapi.*", "tokens.create")


def create_app(config: Mapping[str, Any] | None = None) -> Flask:
    """Make the app, and fill its store at the first start.

    ``TELEMETRY_*`` environment variables override ``config``.
    """
    app = Flask(__name__)
    app.config.from_mapping(
        SECRET_KEY="a key for this demonstration only",  # noqa: S106
        DATABASE=str(Path(app.instance_path) / "telemetry.sqlite"),
        # The clients and their permissions. A real API keeps them in a database and hashes the
        # secrets.
        CLIENTS={
            "bridge": {"secret": "bridge-secret", "scope": "measurements:read annotations:write"},
            "office": {"secret": "office-secret", "scope": "measurements:read"},
            "kiosk": {"secret": "kiosk-secret", "scope": ""},
        },
        API_KEYS={"buoy-key": {"sub": "buoy", "scope": "annotations:write"}},
        MAX_CONTENT_LENGTH=64 * 1024,
        RATELIMIT_DEFAULT="100 per minute",
        APIERRORS_RATE_LIMITS={"health.check": None},
        APIERRORS_REFERENCE_URL="/errors",
    )
    app.config.from_mapping(config)
    app.config.from_prefixed_env("TELEMETRY")

    errors.init_app(app)
    errors.guard(app, requires_auth("bearer", "key"), except_=OPEN)
    monitoring.init_app(app)
    store.init_app(app)
    for part in (tokens, measurements, statistics, annotations, health, openapi):
        app.register_blueprint(part.blueprint)
    return app
