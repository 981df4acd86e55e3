from __future__ import annotations

import pytest
from flask import Flask
from werkzeug.exceptions import NotFound

from flask_apierrors import ApiErrors
from flask_apierrors._core.hooks import Hooks


def test_an_app_without_hooks_has_none() -> None:
    hooks = Hooks()
    assert (hooks.schemes, hooks.format, hooks.converters) == ((), None, {})


def missing() -> str:
    raise KeyError("key")


@pytest.mark.parametrize("is_late", [False, True])
def test_hooks_hold_for_every_app_of_an_instance_before_and_after_init_app(is_late: bool) -> None:
    errors = ApiErrors()
    apps = [Flask("first"), Flask("second")]
    if is_late:
        for app in apps:
            errors.init_app(app)
    errors.convert(KeyError, to=NotFound("No such key."))
    if not is_late:
        for app in apps:
            errors.init_app(app)
    for app in apps:
        app.add_url_rule("/", view_func=missing)
        assert app.test_client().get("/").json == {"error": "No such key."}
