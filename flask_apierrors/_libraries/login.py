"""Flask-Login: what its refusals say, and what ``login_required`` means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from flask import Flask, abort

from .._core.errors import ApiError
from .._core.first_request import name_of
from .._core.marks import Mark
from .._core.sentences import Sentence
from .._core.state import AppState, current_flask, current_request
from .closures import closure_of


def adapt(app: Flask, state: AppState) -> Iterator[str]:
    """Say that a login is not fresh enough. What else Flask-Login aborts with needs no help.

    A login page of the author's, and functions of his, win.
    """
    manager = getattr(app, "login_manager", None)
    if manager is None:
        return
    if not manager.needs_refresh_callback and not manager.refresh_view:
        manager.needs_refresh_handler(_refuse_stale_login)
    for callback in (manager.unauthorized_callback, manager.needs_refresh_callback):
        # Flask-Security sets one of its own.
        module = getattr(callback, "__module__", "")
        if callback and not module.startswith((__name__, "flask_security.")):
            yield f"{name_of(callback)} (Flask-Login)"


def _refuse_stale_login() -> None:
    # Several apps may share the manager.
    state = current_flask().extensions.get("apierrors")
    if state is None or not state.config.covers(current_request().path):
        abort(401)
    raise ApiError(Sentence("fresh-login-required"), status=401)


def guard_mark(wrapper: Callable[..., Any]) -> Mark | None:
    """Tell what ``@login_required`` and ``@fresh_login_required`` mean."""
    if closure_of(wrapper, "flask_login.utils", "decorated_view") is None:
        return None
    is_fresh = "needs_refresh" in wrapper.__code__.co_names
    return Mark(
        "fresh_login_required" if is_fresh else "login_required",
        statuses=(401,),
        condition=f"Needs a {'fresh ' if is_fresh else ''}login.",
        authenticates=True,
        resolve=_in_app,
    )


def _in_app(mark: Mark, app: AppState) -> Mark:
    """Publish the session cookie, and no 401 where there is a login page."""
    flask_app = app.app
    cookie = {"type": "apiKey", "in": "cookie", "name": flask_app.config["SESSION_COOKIE_NAME"]}
    has_page = getattr(getattr(flask_app, "login_manager", None), "login_view", None) is not None
    return replace(mark, security={"Session": cookie}, statuses=() if has_page else mark.statuses)
