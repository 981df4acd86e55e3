"""A script of another origin calls a guarded API with ``fetch``: ``make test-browser``."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, request
from flask.views import MethodView
from flask_cors import CORS, cross_origin
from selenium.webdriver import Chrome

from flask_apierrors import ApiErrors, rate_limit, requires_auth, requires_permissions

_FETCH = """
const [url, options, done] = arguments;
fetch(url, options).then(
    async response => done([response.status, await response.text()]),
    error => done([0, String(error)]),
);
"""


class Script:
    """A script on the page of one origin."""

    def __init__(self, browser: Chrome) -> None:
        self._browser = browser
        browser.set_script_timeout(10)

    def fetch(self, url: str, **options: Any) -> tuple[int, str]:
        """Return the status and the body that the script can read, or 0 and the error."""
        status, body = self._browser.execute_async_script(_FETCH, url, options)
        return status, body


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


@pytest.fixture(scope="session")
def script(browser: Chrome, serve: Callable[[Flask], str]) -> Script:
    site = Flask("site")
    site.add_url_rule("/", "page", lambda: "<title>Another origin</title>")
    browser.get(serve(site))
    return Script(browser)


def post(script: Script, url: str, token: str) -> tuple[int, str]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return script.fetch(url, method="POST", body="{}", headers=headers)


@pytest.mark.parametrize("methods", [["POST"], ["POST", "OPTIONS"]], ids=" ".join)
@pytest.mark.parametrize("cors", ["before", "after"])
@pytest.mark.parametrize("guard", GUARDS)
def test_a_script_of_another_origin_reads_successes_and_refusals(
    script: Script, serve: Callable[[Flask], str], guard: str, cors: str, methods: list[str]
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
    script: Script, serve: Callable[[Flask], str], order: str
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
    script: Script, serve: Callable[[Flask], str]
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
