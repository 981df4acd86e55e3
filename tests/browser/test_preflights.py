"""A script of another origin calls a guarded API with ``fetch``: ``make test-browser``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, request
from flask.views import MethodView
from flask_cors import CORS, cross_origin

from flask_apierrors import ApiErrors, rate_limit, requires_auth, requires_permissions

GUARDS = ("view", "class", "app", "before_request", "maintenance", "limit")


def make_app(guard: str, cors: str, methods: list[str]) -> Flask:
    """Make an app that answers ``POST /berths`` to holders of a token."""
    app, errors = Flask("harbour"), ApiErrors()
    errors.verify_token({"t0ken": {"scope": "read"}}.get)
    if cors == "before":
        CORS(app)
    errors.init_app(app)
    if cors == "after":
        CORS(app)
    view: Any = lambda: "berth"  # noqa: E731
    if guard == "class":

        class Berths(MethodView):
            decorators = [requires_auth]  # noqa: RUF012

            def post(self) -> str:
                return "berth"

        view = Berths.as_view("berths")
    if guard == "view":
        view = requires_permissions("read")(view)
    if guard == "limit":
        view = rate_limit("1/day")(view)
    if guard == "before_request":
        app.before_request(requires_auth(lambda: None))
    if guard == "app":
        errors.guard(app, requires_auth)
    if guard == "maintenance":
        errors.unavailable_when(lambda: "The harbour is closed.")
    app.add_url_rule("/berths", view_func=view, endpoint="berths", methods=methods)
    return app


def post(script: Any, url: str, token: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    answer: tuple[int, str] = script.fetch(url, method="POST", body="{}", headers=headers)
    return answer


@pytest.mark.parametrize("methods", [["POST"], ["POST", "OPTIONS"]], ids=" ".join)
@pytest.mark.parametrize("cors", ["before", "after"])
@pytest.mark.parametrize("guard", GUARDS)
def test_a_script_of_another_origin_reads_successes_and_refusals(
    script: Any, serve: Callable[[Flask], str], guard: str, cors: str, methods: list[str]
) -> None:
    url = serve(make_app(guard, cors, methods)) + "/berths"
    status, text = post(script, url, "t0ken")
    if guard == "maintenance":
        assert (status, json.loads(text)) == (503, {"error": "The harbour is closed."})
        return
    assert (status, text) == (200, "berth")
    status, text = post(script, url, "forged")
    assert status == (429 if guard == "limit" else 401)
    assert json.loads(text)["error"]


@pytest.mark.parametrize("order", ["guard above", "guard below"])
def test_a_script_reaches_a_guarded_view_with_flask_cors_decorator(
    script: Any, serve: Callable[[Flask], str], order: str
) -> None:
    app, errors = Flask("harbour"), ApiErrors()
    errors.verify_token({"t0ken": {}, "gu3st": {"scope": "read"}}.get)
    errors.init_app(app)
    view: Any = lambda: "berth"  # noqa: E731
    for decorate in (cross_origin(), requires_auth)[:: 1 if order == "guard above" else -1]:
        view = decorate(view)
    app.add_url_rule("/berths", view_func=view, endpoint="berths", methods=["POST"])
    assert post(script, serve(app) + "/berths", "gu3st") == (200, "berth")


def test_no_preflight_opens_a_view_that_answers_options_with_data(
    script: Any, serve: Callable[[Flask], str]
) -> None:
    app, errors, runs = Flask("harbour"), ApiErrors(), []
    CORS(app)
    errors.verify_token({"t0ken": {"scope": "read"}}.get)
    errors.init_app(app)

    @app.route("/berths", methods=["OPTIONS"])
    @requires_auth
    def berths() -> str:
        runs.append(request.method)
        return "secret"

    url = serve(app) + "/berths"
    status, text = script.fetch(url, method="OPTIONS")
    assert (status, "secret" in text, runs) == (401, False, [])
    assert script.fetch(url, method="OPTIONS", headers={"Authorization": "Bearer t0ken"}) == (
        200,
        "secret",
    )
    assert runs == ["OPTIONS"]
