"""Promises to users of Flask-Caching: what it keeps is answered like the first time."""

from __future__ import annotations

import logging
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, abort, jsonify
from flask_caching import Cache
from werkzeug.exceptions import NotFound

from flask_apierrors import ApiError, ApiErrors, FieldError, ValidationFailed, requires_auth


class VesselNotFound(ApiError, NotFound):
    """No vessel with this IMO number is registered."""

    def __init__(self, imo: int) -> None:
        super().__init__(f"No vessel has the IMO number {imo}.", imo=imo)


def fail(exc: Exception) -> Any:
    raise exc


#: Flask-Caching keeps what a view raises since 2.5, which needs Python 3.11.
KEEPS_EXCEPTIONS = metadata.version("flask-caching") >= "2.5"
VIEWS: dict[str, Any] = {
    "abort": lambda: abort(404, "Not here."),
    "own-class": lambda: fail(VesselNotFound(7)),
    "status": lambda: fail(ApiError("Taken.", status=409, headers={"X-Own": "1"}, retry_after=5)),
    "validation": lambda: fail(ValidationFailed(FieldError("Too long.", "#/name"))),
    "returned": lambda: (jsonify(message="Gone."), 410),
    "empty": lambda: ("", 404),
    "response": lambda: jsonify(good=True),
}


@pytest.fixture(params=["SimpleCache", "FileSystemCache"])
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Flask:
    app = Flask("app")
    app.config.update(CACHE_TYPE=request.param, CACHE_DIR=str(tmp_path), APIERRORS_FORMAT="problem")
    ApiErrors(app)
    cache = Cache(app)
    calls = app.config["CALLS"] = dict.fromkeys(VIEWS, 0)

    def counted(name: str) -> Any:
        def view() -> Any:
            calls[name] += 1
            return VIEWS[name]()

        return view

    for name in VIEWS:
        app.add_url_rule(f"/{name}", name, cache.cached()(counted(name)))
    return app


@pytest.mark.parametrize("name", VIEWS)
def test_a_cached_answer_is_that_of_the_view(
    app: Flask, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "flask_caching"):
        first, second = (app.test_client().get(f"/{name}") for _ in range(2))
    assert app.config["CALLS"][name] == 1 or not KEEPS_EXCEPTIONS
    assert not caplog.records
    bodies = [response.get_json() for response in (first, second)]
    ids = [body.pop("request_id", None) for body in bodies if body.pop("instance", None)]
    assert bodies[0] == bodies[1]
    assert first.status_code == second.status_code
    assert first.headers["X-Request-ID"] != second.headers["X-Request-ID"]
    assert not ids or ids[0] != ids[1]
    own = ("X-Own", "Retry-After", "Cache-Control", "Content-Type", "Content-Length")
    for field in own:
        assert first.headers.getlist(field) == second.headers.getlist(field)
        assert len(second.headers.getlist(field)) <= 1


def test_a_filter_of_the_author_sees_the_status() -> None:
    app = Flask("app")
    app.config["CACHE_TYPE"] = "SimpleCache"
    ApiErrors(app)
    calls: list[int] = []

    def view() -> Any:
        calls.append(1)
        raise ApiError("Taken.", status=409)

    def is_good(response: Any) -> bool:
        return bool(response.status_code < 400)

    app.add_url_rule("/", "index", Cache(app).cached(response_filter=is_good)(view))
    assert [app.test_client().get("/").status_code for _ in range(2)] == [409, 409]
    assert len(calls) == 2


def test_a_guard_above_the_cache_runs_each_time() -> None:
    app = Flask("app")
    app.config["CACHE_TYPE"] = "SimpleCache"
    ApiErrors(app).verify_token(lambda token: token == "good" or None)
    calls: list[int] = []

    def view() -> Any:
        calls.append(1)
        return {}

    app.add_url_rule("/", "index", requires_auth(Cache(app).cached()(view)))
    client, good = app.test_client(), {"Authorization": "Bearer good"}
    statuses = [client.get("/", headers=headers).status_code for headers in (good, {}, good)]
    assert statuses == [200, 401, 200]
    assert len(calls) == 1
