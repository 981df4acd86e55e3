from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, abort

from flask_apierrors import (
    ApiErrors,
    current_principal,
    rate_limit,
    requires_auth,
    requires_permissions,
)
from flask_apierrors.testing import as_principal, production, unlimited


def crash() -> Any:
    raise LookupError("secret")


def test_a_crash_is_answered_as_in_production() -> None:
    app = Flask("app")
    app.config.update(TESTING=True, TRAP_HTTP_EXCEPTIONS=True)
    ApiErrors(app)
    app.add_url_rule("/crash", "crash", crash)
    app.add_url_rule("/none", "none", lambda: abort(404))
    client = app.test_client()
    with production(app):
        assert client.get("/crash").status_code == 500
        assert client.get("/none").status_code == 404
        assert not app.testing
    assert app.testing
    with pytest.raises(LookupError):
        client.get("/crash")


def test_no_limit_holds_and_none_is_counted() -> None:
    app = Flask("app")
    app.config["RATELIMIT_DEFAULT"] = "1/hour"
    ApiErrors(app)
    app.add_url_rule("/own", "own", rate_limit("1/hour")(lambda: "ok"))
    app.add_url_rule("/default", "default", lambda: "ok")
    client = app.test_client()
    for path in ("/own", "/default"):
        with unlimited(app):
            assert [client.get(path).status_code for _ in range(3)] == [200, 200, 200]
        assert [client.get(path).status_code for _ in range(2)] == [200, 429]


def test_an_app_without_limits_is_unlimited_already() -> None:
    app = Flask("app")
    app.config["RATELIMIT_ENABLED"] = False
    ApiErrors(app)
    app.add_url_rule("/x", "x", rate_limit("1/hour")(lambda: "ok"))
    with unlimited(app):
        assert app.test_client().get("/x").status_code == 200
    assert [app.test_client().get("/x").status_code for _ in range(2)] == [200, 200]


def test_requests_come_from_a_principal_without_a_token() -> None:
    app = Flask("app")
    ApiErrors(app).verify_token(lambda token: None)

    @app.get("/me")
    @requires_permissions("read")
    def me() -> Any:
        return {"name": current_principal["name"]}

    client = app.test_client()
    with as_principal(app, {"name": "Ada", "permissions": ["read"]}):
        assert client.get("/me").get_json() == {"name": "Ada"}
        with as_principal(app, {"name": "Bob", "permissions": []}):
            assert client.get("/me").status_code == 403
        assert client.get("/me", headers={"Authorization": "Bearer x"}).status_code == 200
    assert client.get("/me").status_code == 401
    assert len(app.before_request_funcs[None]) == 0


def test_a_principal_passes_a_guard_that_names_a_scheme() -> None:
    app = Flask("app")
    ApiErrors(app).verify_key(header="X-API-Key")(lambda key: None)
    view = requires_auth("key")(lambda: str(current_principal))
    app.add_url_rule("/key", "key", view)
    with as_principal(app, "buoy"):
        assert app.test_client().get("/key").text == "buoy"
    assert app.test_client().get("/key").status_code == 401
