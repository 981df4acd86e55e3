"""What a test changes of an app for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask

from .._core.state import AppState, current_request, request_state

#: The settings that let exceptions through to the test or to the debugger.
_PROPAGATING = (
    "TESTING",
    "DEBUG",
    "PROPAGATE_EXCEPTIONS",
    "TRAP_HTTP_EXCEPTIONS",
    "TRAP_BAD_REQUEST_ERRORS",
)


@contextmanager
def production(app: Flask) -> Iterator[None]:
    """Answer crashes with a 500 as in production, and do not let them through to the test.

    :param app: The app. ``TESTING``, ``DEBUG`` and their like are off for the ``with`` block.
    """
    before = {name: app.config[name] for name in _PROPAGATING}
    app.config.update(dict.fromkeys(_PROPAGATING, False))
    try:
        yield
    finally:
        app.config.update(before)


@contextmanager
def unlimited(app: Flask) -> Iterator[None]:
    """Count no request, and refuse none for its rate.

    :param app: The app. All of its limits are off for the ``with`` block.
    """
    limiters = [limiter for limiter in app.extensions.get("limiter", ()) if limiter.enabled]
    for limiter in limiters:
        limiter.enabled = False
    try:
        yield
    finally:
        for limiter in limiters:
            limiter.enabled = True


@contextmanager
def as_principal(app: Flask, principal: Any) -> Iterator[None]:
    """Let every request come from a principal, without credentials.

    The permissions of the principal are still checked.

    :param app: The app, with its ``ApiErrors``.
    :param principal: What the function that verifies credentials would return.
    """
    state: AppState = app.extensions["apierrors"]

    def authenticate() -> None:
        req_state = request_state(current_request(), state)
        if not req_state.verified:  # the innermost block runs first
            req_state.verified, req_state.principal = True, principal

    functions = app.before_request_funcs
    functions[None] = [authenticate, *functions.get(None, ())]
    try:
        yield
    finally:
        functions[None] = [function for function in functions[None] if function != authenticate]
