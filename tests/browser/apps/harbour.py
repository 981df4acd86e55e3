"""An API with three kinds of clients, everything guarded but two endpoints, and CORS."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask, abort, request, session
from flask_cors import CORS

from flask_apierrors import ApiErrors, current_principal, requires_auth, requires_permissions

TOKENS = {"t0ken": {"sub": "pilot", "scope": "berths:write"}}
KEYS = {"k3y": {"sub": "crane", "scope": ""}}
SAILOR = {"sub": "sailor", "scope": "berths:write"}


def create_app() -> Flask:
    app = Flask("harbour")
    app.config["SECRET_KEY"] = "a key for tests"
    CORS(app, origins=[os.environ["SITE"]], supports_credentials=True)
    errors = ApiErrors(app)
    errors.verify_token(TOKENS.get)
    errors.verify_key(header="X-API-Key")(KEYS.get)
    errors.identify(lambda: SAILOR if session.get("user") == "sailor" else None)
    errors.guard(app, requires_auth, except_=("health", "login"))
    errors.require_guards()

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/login")
    def login() -> dict[str, str]:
        if request.get_json().get("password") != "s3cret":
            abort(401, "The password is wrong.")
        session["user"] = "sailor"
        return {}

    @app.get("/me")
    def me() -> dict[str, Any]:
        return {"sub": current_principal["sub"]}

    @app.post("/berths")
    @requires_permissions("berths:write")
    def berths() -> dict[str, Any]:
        return {"booked_by": current_principal["sub"]}

    return app
