"""``POST /token``: a client id and secret for a token of one hour (RFC 6749 section 4.4)."""

from __future__ import annotations

import hmac
import time
from secrets import token_hex

import jwt
from flask import Blueprint, Response, current_app, jsonify, request

from flask_apierrors import negotiated_type, produces, raises, rate_limit

from .errors import AUDIENCE, InvalidClient, signing_key

LIFETIME = 3_600  # seconds
#: Compared with the secret of a client that there is not, so that the time it takes tells nothing.
UNKNOWN = {"secret": token_hex(), "scope": ""}

blueprint = Blueprint("tokens", __name__)


@blueprint.post("/token")
@rate_limit("20/minute")
@produces("application/json", "text/plain")
@raises(InvalidClient)
def create() -> Response:
    """Get a token for one hour: send the client id and the client secret by HTTP Basic."""
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
    """The id and the scope of the client that asks."""
    client_id, secret = basic_credentials()
    client = current_app.config["CLIENTS"].get(client_id, UNKNOWN)
    if not hmac.compare_digest(secret.encode(), client["secret"].encode()):
        raise InvalidClient("The client id or the client secret is wrong.")
    return client_id, client["scope"]


def basic_credentials() -> tuple[str, str]:
    try:
        given = request.authorization
    except ValueError:  # of credentials that are not ASCII
        given = None
    if given is None or given.type != "basic":
        raise InvalidClient("Send a client id and its secret by HTTP Basic.")
    return given.username or "", given.password or ""
