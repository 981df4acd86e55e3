"""What a guard costs if an app has several authentication schemes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask

from flask_apierrors import ApiErrors, requires_auth

from .common import Request, ask, caller, quiet, race

_TOKEN = {"Authorization": "Bearer good"}
#: Registered in this order, besides Bearer.
_FURTHER: dict[str, Callable[[ApiErrors], object]] = {
    "and API keys in a header": lambda errors: errors.verify_key(header="X-API-Key")(
        lambda key: None
    ),
    "and in the query": lambda errors: errors.verify_key(query="key", name="query")(
        lambda key: None
    ),
    "and in a cookie": lambda errors: errors.verify_key(cookie="key", name="cookie")(
        lambda key: None
    ),
    "and Basic": lambda errors: errors.verify_basic(lambda username, password: None),
    "and a session": lambda errors: errors.identify(lambda: None),
}


def run(rounds: int) -> list[tuple[str, str]]:
    """Return the rows of the table: what a guard adds to a view, for a request with a token."""
    calls = {}
    names = ["Bearer", *_FURTHER]
    for number, name in enumerate(names):
        app = _app(number)
        for path in ("/open", "/guarded"):
            request = Request(path, headers=_TOKEN)
            assert ask(app, request).status == 200
            calls[f"{name} {path}"] = caller(app, request)
    times = race(calls, rounds)
    rows = []
    for name in names:
        spread = times.microseconds_over(f"{name} /guarded", f"{name} /open")
        rows.append((name, f"**{spread.median:+.1f}** ({spread.low:+.1f} to {spread.high:+.1f})"))
    return rows


def _app(further: int) -> Any:
    app = Flask("schemes")
    errors = ApiErrors(app)
    errors.verify_token({"good": {"sub": "me"}}.get)
    for register in list(_FURTHER.values())[:further]:
        register(errors)
    app.add_url_rule("/open", "open", lambda: {"a": 1})
    app.add_url_rule("/guarded", "guarded", requires_auth(lambda: {"a": 1}))
    return quiet(app)
