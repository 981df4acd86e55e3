"""Promises of plans: which limits hold at which endpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, request
from werkzeug.routing import Rule

from flask_apierrors import ApiErrors
from tests.conftest import Clock, limited_app, statuses


def test_default_limits_hold_for_each_endpoint_by_itself_except_static(
    make_app: Callable[..., Flask],
) -> None:
    app = limited_app(make_app, "5/minute", RATELIMIT_DEFAULT="1/minute")
    app.add_url_rule("/other", "other", lambda: {})
    client = app.test_client()
    assert statuses(client, "/free", 2) == [200, 429]
    assert statuses(client, "/other", 2) == [200, 429]
    assert statuses(client, "/limited", 5) == [200] * 5
    assert statuses(client, "/static/x.css", 3) == [404] * 3
    assert statuses(client, "/nowhere", 3) == [404] * 3


def test_a_default_limit_may_be_a_function(make_app: Callable[..., Flask]) -> None:
    limits = ["1/minute"]
    client = limited_app(make_app, RATELIMIT_DEFAULT=lambda: limits[-1]).test_client()
    assert statuses(client, "/free", 2) == [200, 429]
    limits.append("9/minute")
    assert statuses(client, "/free", 2) == [200, 200]


def test_each_function_that_a_view_calls_may_replace_the_default_limit(
    make_app: Callable[..., Flask], clock: Clock
) -> None:
    errors = ApiErrors()
    app = make_app(errors, RATELIMIT_DEFAULT="1/second")
    with app.app_context():
        limit = errors.limiter.limit

    @limit("5/day", override_defaults=False)
    def few() -> str:
        return "few"

    @limit("3/day")
    def many() -> str:
        return "many"

    app.add_url_rule("/x", "x", lambda: few() if "few" in request.args else many())
    client = app.test_client()
    assert statuses(client, "/x?few", 2) == [200, 429]
    clock.now += 2
    assert statuses(client, "/x", 4) == [200, 200, 200, 429]


def test_the_application_limit_counts_all_endpoints_and_unknown_urls_together(
    make_app: Callable[..., Flask],
) -> None:
    client = limited_app(make_app, RATELIMIT_APPLICATION="3/minute").test_client()
    paths = ("/free", "/limited", "/nowhere", "/free", "/limited", "/nowhere")
    assert [client.get(path).status_code for path in paths] == [200, 200, 404, 429, 429, 429]


def test_limits_by_endpoint_from_configuration_alone(make_app: Callable[..., Flask]) -> None:
    limits = {
        "admin.*": "1/minute",
        "admin.list": "2/minute",
        "health": None,
        "limited": "1/minute",
    }
    app = limited_app(
        make_app,
        "5/minute",
        RATELIMIT_DEFAULT="3/minute",
        RATELIMIT_APPLICATION="100/minute",
        APIERRORS_RATE_LIMITS=limits,
    )
    admin = Blueprint("admin", __name__)
    admin.add_url_rule("/admin/list", "list", lambda: {})
    admin.add_url_rule("/admin/users", "users", lambda: {})
    app.register_blueprint(admin)
    app.add_url_rule("/health", "health", lambda: {})
    client = app.test_client()
    assert statuses(client, "/admin/list", 3) == [200, 200, 429], "the endpoint before its pattern"
    assert statuses(client, "/admin/users", 2) == [200, 429]
    assert statuses(client, "/health", 120) == [200] * 120
    assert statuses(client, "/limited", 2) == [200, 429], "the administrator's word is the last"
    assert statuses(client, "/free", 4) == [200, 200, 200, 429]


def test_a_decorator_counts_where_the_configuration_names_other_endpoints(
    make_app: Callable[..., Flask],
) -> None:
    app = limited_app(make_app, "2/minute", APIERRORS_RATE_LIMITS={"free": "1/minute"})
    client = app.test_client()
    assert statuses(client, "/limited", 3) == [200, 200, 429]
    assert statuses(client, "/free", 2) == [200, 429]


def test_files_are_limited_when_the_administrator_names_them(
    make_app: Callable[..., Flask],
) -> None:
    client = make_app(APIERRORS_RATE_LIMITS={"static": "1/minute"}).test_client()
    assert statuses(client, "/static/x.css", 2) == [404, 429]


def test_none_lifts_a_decorators_limit(make_app: Callable[..., Flask]) -> None:
    client = limited_app(
        make_app, "1/minute", APIERRORS_RATE_LIMITS={"limited": None}
    ).test_client()
    assert statuses(client, "/limited", 3) == [200] * 3


def test_none_lifts_the_limits_of_the_time_without_a_storage_too(
    make_app: Callable[..., Flask],
) -> None:
    pytest.importorskip("redis")
    client = limited_app(
        make_app,
        "9/minute",
        APIERRORS_RATE_LIMITS={"free": None},
        RATELIMIT_STORAGE_URI="redis://127.0.0.1:1",
        RATELIMIT_IN_MEMORY_FALLBACK="1/minute",
    ).test_client()
    assert statuses(client, "/limited", 2) == [200, 429], "the first request finds out"
    assert statuses(client, "/free", 3) == [200] * 3


def test_a_pattern_for_all_endpoints_lifts_nothing_from_unknown_urls(
    make_app: Callable[..., Flask],
) -> None:
    pytest.importorskip("redis")
    client = make_app(
        APIERRORS_RATE_LIMITS={"*": "100/minute"},
        RATELIMIT_STORAGE_URI="redis://127.0.0.1:1",
        RATELIMIT_IN_MEMORY_FALLBACK="1/minute",
    ).test_client()
    client.get("/static/x")  # finds out that the storage is away
    assert statuses(client, "/nowhere", 2) == [404, 429]


def test_of_equal_windows_the_default_limit_comes_first(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    app = make_app(errors, RATELIMIT_DEFAULT="5/minute")
    with app.app_context():
        own = errors.limiter.limit("1/minute", override_defaults=False, scope="own")
    app.add_url_rule("/x", "x", own(lambda: "ok"))
    client = app.test_client()
    client.get("/x")
    policy = client.get("/x").headers["RateLimit-Policy"]
    assert policy == '"x";q=5;w=60, "x:own";q=1;w=60'


def test_an_unknown_endpoint_fails_each_request_with_the_remedy(
    make_app: Callable[..., Flask], caplog: pytest.LogCaptureFixture
) -> None:
    client = limited_app(
        make_app, APIERRORS_RATE_LIMITS={"limitd": "1/minute", "no.such.*": None}
    ).test_client()
    assert statuses(client, "/free", 2) == [500, 500]
    assert "names 'limitd', no endpoint of this app. Did you mean 'limited'?" in caplog.text


@pytest.mark.parametrize("key", ["RATELIMIT_DEFAULT", "RATELIMIT_APPLICATION"])
@pytest.mark.parametrize("nothing", [None, ""])
def test_a_function_lifts_a_limit_for_one_request_alone(
    make_app: Callable[..., Flask], key: str, nothing: str | None
) -> None:
    config: dict[str, Any] = {key: lambda: nothing if "X-Internal" in request.headers else "2/day"}
    client = limited_app(make_app, **config).test_client()
    internal = {"X-Internal": "1"}
    assert [client.get("/free", headers=internal).status_code for _ in range(3)] == [200] * 3
    assert statuses(client, "/free", 3) == [200, 200, 429]
    assert client.get("/free", headers=internal).status_code == 200


def test_a_made_up_method_costs_no_memory_and_gets_no_quota(make_app: Callable[..., Flask]) -> None:
    app = limited_app(
        make_app, RATELIMIT_APPLICATION="5/day", RATELIMIT_APPLICATION_PER_METHOD=True
    )
    app.url_map.add(Rule("/any", endpoint="any"))  # without methods: it takes every one
    app.view_functions["any"] = lambda: "any"
    client = app.test_client()
    assert [client.open("/free", method=f"M{n}").status_code for n in range(6)] == [405] * 5 + [429]
    other = {"REMOTE_ADDR": "10.0.0.2"}
    answers = [client.open("/any", method=f"M{n}", environ_base=other) for n in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    plans = app.extensions["apierrors"].rate_limits.active().plans
    assert len(vars(plans)["_plans"]) == 2


def test_a_name_that_a_client_chooses_costs_no_memory(make_app: Callable[..., Flask]) -> None:
    app = limited_app(
        make_app,
        "1/day",
        RATELIMIT_DEFAULT="1/day",
        RATELIMIT_REQUEST_IDENTIFIER=lambda: request.args["name"],
    )
    client = app.test_client()
    for path in ("/free", "/limited"):
        answers = [client.get(f"{path}?name={path}{n}").status_code for n in (1, 2, 1)]
        assert answers == [200, 200, 429]
    plans = app.extensions["apierrors"].rate_limits.active().plans
    assert not vars(plans)["_plans"]


def test_an_endpoint_that_is_named_static_is_no_file_of_flasks(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(RATELIMIT_DEFAULT="1/minute")
    reports = Blueprint("reports", __name__)
    reports.add_url_rule("/reports", "static", lambda: {})
    app.register_blueprint(reports)
    app.add_url_rule("/own", "pages.static", lambda: {})
    client = app.test_client()
    assert statuses(client, "/reports", 2) == statuses(client, "/own", 2) == [200, 429]


def test_files_of_a_blueprint_have_no_default_limit(
    make_app: Callable[..., Flask], tmp_path: Path
) -> None:
    app = make_app(RATELIMIT_DEFAULT="1/minute", RATELIMIT_APPLICATION="1/minute")
    files = Blueprint("files", __name__, static_folder=tmp_path, static_url_path="/files")
    app.register_blueprint(files)
    assert statuses(app.test_client(), "/files/x.css", 3) == [404] * 3
