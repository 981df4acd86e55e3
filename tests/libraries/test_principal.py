"""Promises to users of Flask-Principal: what is denied is a 403, and no object is shown."""

from __future__ import annotations

import sys
from typing import Any

import flask_principal  # type: ignore[import-untyped]
import pytest
from flask import Flask
from flask_principal import ItemNeed, Permission, Principal, RoleNeed, UserNeed
from werkzeug.exceptions import Conflict, Forbidden

from flask_apierrors import ApiErrors
from flask_apierrors._libraries.principal import guard_mark

ADMIN = Permission(RoleNeed("admin"))
FORBIDDEN = {"error": "You do not have permission to access the requested content."}


def principal_app(**config: Any) -> tuple[Flask, ApiErrors]:
    app = Flask("app")
    app.config.update(SECRET_KEY="secret", **config)
    errors = ApiErrors(app)
    Principal(app)

    @app.get("/with")
    def with_permission() -> dict[str, str]:
        with ADMIN.require():
            return {}

    app.add_url_rule("/require", "require", ADMIN.require()(lambda: {}))
    app.add_url_rule("/require/403", "require_403", ADMIN.require(403)(lambda: {}))
    app.add_url_rule("/test", "test", lambda: ADMIN.test(403) or {})
    return app, errors


@pytest.mark.parametrize("path", ["/with", "/require", "/require/403", "/test"])
def test_what_is_denied_is_a_403_without_the_permission(path: str) -> None:
    app, _ = principal_app()
    response = app.test_client().get(path)
    assert (response.status_code, response.get_json()) == (403, FORBIDDEN)
    assert "admin" not in response.text


def test_a_denial_is_no_crash(caplog: pytest.LogCaptureFixture) -> None:
    app, _ = principal_app()
    app.test_client().get("/require")
    assert not caplog.records


def test_a_converter_and_a_handler_of_the_author_win() -> None:
    app, errors = principal_app()
    errors.convert(flask_principal.PermissionDenied, to=Conflict)
    assert app.test_client().get("/require").status_code == 409
    app, errors = principal_app()
    app.register_error_handler(flask_principal.PermissionDenied, lambda error: ("Mine.", 403))
    assert app.test_client().get("/require").text == "Mine."


def test_outside_the_api_it_stays_a_crash() -> None:
    app, _ = principal_app(APIERRORS_URL_PREFIXES=("/api",))
    assert app.test_client().get("/require").status_code == 500


def test_nothing_is_done_if_it_is_not_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    app, _ = principal_app()
    monkeypatch.delitem(sys.modules, "flask_principal")
    assert app.test_client().get("/require").status_code == 500


def test_require_is_a_guard() -> None:
    mark = guard_mark(ADMIN.require(403)(lambda: {}))
    assert mark is not None
    assert (mark.name, mark.values, mark.statuses) == ("require", ("role admin",), (403,))
    assert mark.condition == "Needs `role admin`."
    assert mark.authenticates
    needs = (UserNeed(7), ItemNeed("edit", object(), "post"), "plain")
    mark = guard_mark(Permission(*needs).require(Forbidden)(lambda: {}))
    assert mark is not None
    assert mark.values == ("edit object post", "id 7", "plain")
    assert (mark.statuses, mark.errors) == ((), (Forbidden,))
    mark = guard_mark(Permission().require()(lambda: {}))
    assert mark is not None
    assert (mark.condition, mark.authenticates) == ("", False)
    assert guard_mark(lambda: {}) is None
