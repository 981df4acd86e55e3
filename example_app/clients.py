"""The clients: they send a token, an API key, or the secret that they exchange for a token."""

from __future__ import annotations

import hmac
from secrets import token_hex
from typing import Any

from flask import current_app

from flask_apierrors.jwt import jwt_verifier

from .errors import errors

AUDIENCE = "telemetry"
#: Stands in for an unknown client, so that the response takes as long as for a known one.
UNKNOWN = {"secret": token_hex(), "scope": ""}

Principal = dict[str, Any]


def signing_key(token: str) -> str:
    key: str = current_app.config["SECRET_KEY"]
    return key


errors.verify_token(jwt_verifier(key=signing_key, algorithms=["HS256"], audience=AUDIENCE))


@errors.verify_key(header="X-API-Key")
def verify_key(key: str) -> Principal | None:
    principal: Principal | None = current_app.config["API_KEYS"].get(key)
    return principal


@errors.verify_basic
def verify_secret(client_id: str, secret: str) -> Principal | None:
    client = current_app.config["CLIENTS"].get(client_id, UNKNOWN)
    is_right = hmac.compare_digest(secret.encode(), client["secret"].encode())
    return {"sub": client_id, "scope": client["scope"]} if is_right else None
