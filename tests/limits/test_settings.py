"""Promises of the settings of limits: read once, and checked at start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from flask_apierrors import ApiErrors
from flask_apierrors._limits.wiring import refuses_without_storage
from tests.conftest import limited_app, statuses


def test_a_setting_that_changes_later_has_no_effect(make_app: Callable[..., Flask]) -> None:
    app = limited_app(make_app, RATELIMIT_DEFAULT="2/minute")
    app.config.update(
        RATELIMIT_HEADERS_ENABLED=True,
        RATELIMIT_META="1/hour",
        RATELIMIT_REQUEST_IDENTIFIER=lambda: "all",
    )
    client = app.test_client()
    assert statuses(client, "/limited", 3) + statuses(client, "/free", 3) == [200, 200, 429] * 2
    assert "X-RateLimit-Limit" not in client.get("/free").headers


@pytest.mark.parametrize(
    ("config", "refuses"),
    [
        ({}, False),
        ({"RATELIMIT_STORAGE_URI": "redis://x"}, True),
        ({"RATELIMIT_STORAGE_URI": "redis://x", "RATELIMIT_IN_MEMORY_FALLBACK": "1/day"}, False),
        ({"RATELIMIT_STORAGE_URI": "redis://x", "RATELIMIT_SWALLOW_ERRORS": True}, False),
    ],
)
def test_limited_requests_are_refused_only_if_nothing_replaces_the_storage(
    make_app: Callable[..., Flask], config: dict[str, Any], refuses: bool
) -> None:
    app = make_app(RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=False, **config)
    assert refuses_without_storage(app.extensions["apierrors"]) is refuses


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("FLASK_APIERRORS_RATE_LIMITS__b", "1/day", {"a": [200, 429], "b": [200, 429]}),
        ("FLASK_APIERRORS_RATE_LIMITS", '{"b": "1/day"}', {"a": [200, 200], "b": [200, 429]}),
        ("FLASK_RATELIMIT_ENABLED", "false", {"a": [200, 200], "b": [200, 200]}),
    ],
)
def test_the_environment_adds_limits_replaces_them_or_turns_them_off(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: dict[str, list[int]]
) -> None:
    monkeypatch.setenv(name, value)
    app = Flask(__name__)
    app.config["APIERRORS_RATE_LIMITS"] = {"a": "1/day"}
    app.config.from_prefixed_env()
    ApiErrors(app)
    for endpoint in expected:
        app.add_url_rule(f"/{endpoint}", endpoint, lambda: {})
    client = app.test_client()
    assert {name: statuses(client, f"/{name}", 2) for name in expected} == expected


@pytest.mark.parametrize("key", ["RATELIMIT_ENABLED", "RATELIMIT_HEADERS_ENABLED"])
def test_a_switch_that_is_a_text_fails_at_start_with_the_remedy(
    make_app: Callable[..., Flask], key: str
) -> None:
    with pytest.raises(ValueError, match=rf"{key} = 'False' is a text. Set it to True or False"):
        make_app(**{key: "False"})
