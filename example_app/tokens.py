"""``POST /token``: exchange a client ID and secret for a token (RFC 6749, section 4.4)."""

from __future__ import annotations

import hmac
import time
from secrets import token_hex

import jwt
from flask import Blueprint, Response, current_app, jsonify, request

from flask_apierrors import negotiated_type, produces, raises, rate_limit

from .errors import AUDIENCE, InvalidClient, signing_key

LIFETIME = 3_600  # seconds
#: Stands in for an unknown client, so that the response takes as long as for a known one.
UNKNOWN = {"secret": token_hex(), "scope": ""}

blueprint = Blueprint("tokens", __name__)


@blueprint.post("/token")
@rate_limit("20/minute")
@produces("application/json", "text/plain")
@raises(InvalidClient)
def create() -> Response:
    """Get a token that is valid for one hour. Send the client ID and secret with HTTP Basic."""
    client_id, scope = authenticated_client()
    expires = int(time.time()) + LIFETIME
    claims = {"sub": client_id, "scope": scope, "aud": AUDIENCE, "exp": expires}
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


def authenticated_client() -> tuple[str, str]:
    """Return the ID and the scope of the client."""
    client_id, secret = basic_credentials()
    client = current_app.config["CLIENTS"].get(client_id, UNKNOWN)
    if not hmac.compare_digest(secret.encode(), client["secret"].encode()):
        raise InvalidClient("The client ID or the client secret is wrong.")
    return client_id, client["scope"]


def basic_credentials() -> tuple[str, str]:
    try:
        authorization = request.authorization
    except ValueError:  # Werkzeug decodes only ASCII.
        authorization = None
    if authorization is None or authorization.type != "basic":
        raise InvalidClient("Send a client ID and its secret with HTTP Basic authentication.")
    return authorization.username or "", authorization.password or ""
