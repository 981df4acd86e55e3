"""Write ``docs/comparison.md``: what six apps answer when something is wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from flask import Flask, abort

from .contenders import apierrors, apiflask_app, flask_docs, restx, smorest

PAGE = Path(__file__).parents[1] / "docs" / "comparison.md"
TOP = """\
# Comparison

<!-- `python -m benchmarks.comparison` writes this page. -->

Six apps have the same views. This is what their clients get if something is wrong: the status, the
format of the body, and what the standards require but the response lacks. The apps are in
[`benchmarks/contenders`](https://github.com/flask-apierrors/flask-apierrors/tree/main/benchmarks/contenders).
Each is written as the documentation of its library shows it. Run `python -m benchmarks.comparison`
to repeat the requests.

"""
BOTTOM = """
- *Flask* is an app without error handlers. *Flask, documented* has the handlers of
  [Flask's documentation](https://flask.palletsprojects.com/en/stable/errorhandling/).
- Views that call `abort` are views of the app, beside those of the library.
- How long these responses take is in the
  [benchmarks](https://github.com/flask-apierrors/flask-apierrors/blob/main/benchmarks/README.md).
"""


def bare_flask() -> Flask:
    """Make an app without error handlers."""
    app = Flask("bare")
    flask_docs.add_views(app)
    return app


APPS: dict[str, Callable[[], Any]] = {
    "Flask": bare_flask,
    "Flask, documented": flask_docs.create_app,
    "flask-smorest": smorest.create_app,
    "APIFlask": apiflask_app.create_app,
    "Flask-RESTX": restx.create_app,
    "flask_apierrors": apierrors.create_app,
}


class Probe(NamedTuple):
    """A request, and what its response needs."""

    title: str
    method: str
    path: str
    body: bytes | None = None
    #: The statuses that would be right.
    statuses: tuple[int, ...] = ()
    field: str = ""


PROBES = (
    Probe("unknown URL", "GET", "/unknown", None, (404,)),
    Probe("wrong method", "POST", "/ok", None, (405,), "Allow"),
    Probe("malformed JSON", "POST", "/one-field", b"{", (400,)),
    Probe("invalid field", "POST", "/one-field", b'{"limit": "many"}', (400, 422)),
    Probe("crash", "GET", "/crash", None, (500,)),
    Probe("`abort(401)`", "GET", "/aborts/401", None, (401,), "WWW-Authenticate"),
    Probe("`abort(409)`", "GET", "/aborts/409", None, (409,)),
    Probe("`abort(429)`", "GET", "/aborts/429", None, (429,), "Retry-After"),
    Probe("`abort(503)`", "GET", "/aborts/503", None, (503,), "Retry-After"),
)


def ask(app: Any, probe: Probe) -> str:
    """Send a request, and describe the response."""
    response = app.test_client().open(
        probe.path, method=probe.method, data=probe.body, content_type="application/json"
    )
    status = str(response.status_code)
    if response.status_code not in probe.statuses:
        status = f"**{status}**"
    parts = [f"{status} JSON" if response.is_json else f"{status} **HTML**"]
    if probe.field and probe.field not in response.headers:
        parts.append(f"no `{probe.field}`")
    return ", ".join(parts)


def has_request_id(app: Any) -> bool:
    """Whether an error has an ID that leads to the log."""
    return "X-Request-ID" in app.test_client().get("/crash").headers


def make(create_app: Callable[[], Any]) -> Any:
    """Make an app, and add a view that aborts."""
    app = create_app()
    app.add_url_rule("/aborts/<int:status>", "aborts", lambda status: abort(status))
    app.logger.setLevel(logging.CRITICAL + 1)
    return app


def page() -> str:
    """Return the page."""
    apps = {name: make(create_app) for name, create_app in APPS.items()}
    rows = [f"| | {' | '.join(apps)} |", "|---" * (len(apps) + 1) + "|"]
    for probe in PROBES:
        cells = [probe.title, *(ask(app, probe) for app in apps.values())]
        rows.append(f"| {' | '.join(cells)} |")
    ids = ("yes" if has_request_id(app) else "no" for app in apps.values())
    rows.append(f"| a request ID | {' | '.join(ids)} |")
    return TOP + "\n".join(rows) + "\n" + BOTTOM


if __name__ == "__main__":
    PAGE.write_text(page())
