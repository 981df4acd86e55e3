from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

import flask_httpauth  # type: ignore[import-untyped]
import flask_restx
import pytest
from flask import Flask

from flask_apierrors import ApiErrors, Problem, error_answered
from flask_apierrors._core.state import Adapter, AppState
from flask_apierrors._libraries import extensions
from tests.libraries.resources import add, resource


def test_each_adapter_has_a_file_of_its_own() -> None:
    modules = [adapt.__module__ for adapt in extensions.ADAPTERS]
    assert len(set(modules)) == len(modules)
    assert all(module.startswith("flask_apierrors._libraries.") for module in modules)


def test_an_adapter_meets_the_app_once_and_before_its_first_request() -> None:
    app, met = Flask("app"), []

    def adapt(flask_app: Flask, state: AppState) -> Iterable[str]:
        met.append((flask_app, state))
        return ()

    ApiErrors(app)
    state = app.extensions["apierrors"]
    state.adapters = (adapt,)
    for _ in range(2):
        app.test_client().get("/")
    assert met == [(app, state)]


@pytest.mark.parametrize("adapt", extensions.ADAPTERS, ids=lambda adapt: adapt.__module__)
def test_an_adapter_imports_no_library(adapt: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    library = adapt.__module__.rpartition(".")[2]
    for name in [name for name in sys.modules if name.startswith((library, f"flask_{library}"))]:
        monkeypatch.delitem(sys.modules, name)
    app = Flask("app")
    ApiErrors(app)
    assert list(adapt(app, app.extensions["apierrors"])) == []
    assert f"flask_{library}" not in sys.modules


def _own(error: object) -> Any:
    return {"message": "Taken."}, 409


def _restx_app() -> Flask:
    app = Flask("app")
    ApiErrors(app)
    api = flask_restx.Api(app)
    api.errorhandler(ValueError)(_own)
    add(api, resource(flask_restx, get=lambda: int("x")), "/x")
    return app


def _httpauth_app() -> Flask:
    app = Flask("app")
    ApiErrors(app)
    auth = flask_httpauth.HTTPBasicAuth()
    auth.error_handler(_own)
    app.add_url_rule("/x", "x", auth.login_required(lambda: "ok"))
    return app


@pytest.mark.parametrize("make_app", [_restx_app, _httpauth_app])
def test_an_error_in_the_shape_of_a_library_is_announced_once(
    make_app: Callable[[], Flask],
) -> None:
    app, problems = make_app(), []

    def receive(sender: Flask, problem: Problem, **_: object) -> None:
        problems.append((problem.status, problem.code, problem.detail))

    with error_answered.connected_to(receive, app):
        assert app.test_client().get("/x").status_code == 409
    assert problems == [(409, "conflict", "Taken.")]
