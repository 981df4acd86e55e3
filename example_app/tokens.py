"""``POST /token``: exchange a client ID and secret for a token (RFC 6749, section 4.4)."""

from __future__ import annotations

import time

import jwt
from flask import Blueprint, Response, jsonify

from flask_apierrors import (
    current_principal,
    negotiated_type,
    produces,
    rate_limit,
    requires_auth,
)

from .clients import AUDIENCE, signing_key

LIFETIME = 3_600  # seconds

blueprint = Blueprint("tokens", __name__)


@blueprint.post("/token")
@requires_auth("basic")
@rate_limit("20/minute")
@produces("application/json", "text/plain")
def create() -> Response:
    """Get a token that is valid for one hour. Send the client ID and secret with HTTP Basic."""
    scope = current_principal["scope"]
    claims = {
        "sub": current_principal["sub"],
        "scope": scope,
        "aud": AUDIENCE,
        "exp": int(time.time()) + LIFETIME,
    }
    token = jwt.encode(claims, signing_key(""), algorithm="HS256")
    if negotiated_type == "text/plain":
        response = Response(token, mimetype="text/plain")
    else:
        response = jsonify(
            access_token=token,
            token_type="Bearer",  # noqa: S106
            expires_in=LIFETIME,
            scope=scope,
        )
    response.headers["Cache-Control"] = "no-store"
    return response
