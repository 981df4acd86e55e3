"""What all tests share: apps, a clock that stands still, and a strict JSON parser."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings
from werkzeug.serving import make_server

from flask_apierrors import ApiErrors, error_answered, rate_limit

settings.register_profile("project", deadline=None, max_examples=50)
#: ``pytest --hypothesis-profile=thorough``: minutes instead of seconds.
settings.register_profile("thorough", deadline=None, max_examples=5_000)
settings.load_profile("project")


def parse_strictly(text: str | bytes) -> Any:
    """Parse JSON without ``NaN``, ``Infinity`` and duplicate keys.

    Bytes must be ASCII, as all bodies of the package are.
    """

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(pairs) == len(dict(pairs)), "a key occurs twice"
        return dict(pairs)

    decoded = text if isinstance(text, str) else text.decode("ascii")
    return json.loads(decoded, parse_constant=refuse, object_pairs_hook=unique)


@pytest.fixture(scope="session")
def strict_json() -> Callable[[str | bytes], Any]:
    return parse_strictly


@pytest.fixture(scope="session")
def make_app() -> Callable[..., Flask]:
    """``make_app(errors=None, **config)`` makes an app with the contract.

    It is configured as in production, without ``TESTING``.
    """

    def make(errors: ApiErrors | None = None, **config: Any) -> Flask:
        app = Flask(__name__)
        app.config.update(config)
        (errors or ApiErrors()).init_app(app)
        return app

    return make


def view_of() -> Callable[..., str]:
    """Make a new view, for a test to decorate."""

    def view(**variables: Any) -> str:
        return ""

    return view


def statuses(client: FlaskClient, path: str, times: int, **options: Any) -> list[int]:
    return [client.get(path, **options).status_code for _ in range(times)]


def limited_app(
    make_app: Callable[..., Flask],
    limit: str = "2/minute",
    errors: ApiErrors | None = None,
    **config: Any,
) -> Flask:
    """Make an app with a limit on ``/limited`` and none on ``/free``."""
    app = make_app(errors, **config)

    @app.get("/limited")
    @rate_limit(limit)
    def limited() -> dict[str, str]:
        return {}

    @app.route("/free", methods=["GET", "POST"])
    def free() -> dict[str, str]:
        return {}

    return app


class Clock:
    """The time of the counters in memory. It changes only when a test sets ``now``."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.25

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    return clock


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    """Run an app under Werkzeug's server, and return its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def error_receivers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin without receivers of ``error_answered``: the test kit has one for every app."""
    monkeypatch.setattr(error_answered, "receivers", {})


@pytest.fixture
def without_opentelemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make apps that don't report to OpenTelemetry, which the documentation imports."""
    monkeypatch.delitem(sys.modules, "opentelemetry.sdk.trace", raising=False)


@pytest.fixture
def close_databases() -> Iterator[None]:
    """Close what SQLAlchemy keeps open: since Python 3.13, an open connection warns."""
    from sqlalchemy import event
    from sqlalchemy.pool import Pool

    connections: list[Any] = []

    def keep(connection: Any, record: object) -> None:
        connections.append(connection)

    event.listen(Pool, "connect", keep)
    yield
    event.remove(Pool, "connect", keep)
    for connection in connections:
        connection.close()
