"""Promises of the header fields: which limits they name, and how much they say is left."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from flask import Flask, abort, request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import ServiceUnavailable

from flask_apierrors import rate_limit
from flask_apierrors._limits.fields import rate_limit_fields
from flask_apierrors._limits.quotas import Charge
from tests.conftest import Clock, limited_app

from .samples import charge

#: What a limit can be for.
SCOPES = st.sampled_from(["global", "ships", "admin.users", "meta"])


@pytest.mark.standard("rate-limit-policy", "no-unwanted-requests")
def test_the_fields_of_a_limited_route_have_its_policy_and_what_is_left(
    make_app: Callable[..., Flask], clock: Clock
) -> None:
    client = limited_app(make_app, "2/minute", RATELIMIT_HEADERS_ENABLED=True).test_client()
    answers = [client.get("/limited").headers for _ in range(3)]
    assert [headers["RateLimit-Policy"] for headers in answers] == ['"limited";q=2;w=60'] * 3
    assert [headers["RateLimit"] for headers in answers] == [
        f'"limited";r={left};t=60' for left in (1, 0, 0)
    ]
    assert [headers["X-RateLimit-Remaining"] for headers in answers] == ["1", "0", "0"]
    assert all(len(headers.getlist("RateLimit")) == 1 for headers in answers)
    assert [headers["Retry-After"] for headers in answers] == ["60"] * 3, "as in Flask-Limiter"
    assert "RateLimit" not in client.get("/free").headers


def test_of_several_limits_the_nearest_is_sent(
    make_app: Callable[..., Flask], clock: Clock
) -> None:
    client = limited_app(
        make_app,
        "3/second; 4/hour",
        RATELIMIT_APPLICATION="100/hour",
        RATELIMIT_HEADERS_ENABLED=True,
    ).test_client()
    answer = client.get("/limited")
    assert (
        answer.headers["RateLimit-Policy"]
        == '"global";q=100;w=3600, "limited";q=3;w=1, "limited-2";q=4;w=3600'
    )
    assert answer.headers["RateLimit"] == '"limited";r=2;t=1'
    clock.now += 2
    client.get("/limited")
    clock.now += 2
    assert client.get("/limited").headers["RateLimit"] == '"limited-2";r=1;t=3596'


@pytest.mark.parametrize("strategy", ["fixed-window", "moving-window", "sliding-window-counter"])
@pytest.mark.parametrize(
    "options", [{}, {"deduct_when": lambda response: response.status_code == 200}]
)
def test_the_nearest_is_sent_for_each_strategy_and_with_deduct_when(
    make_app: Callable[..., Flask], clock: Clock, strategy: str, options: dict[str, Any]
) -> None:
    app = make_app(
        RATELIMIT_STRATEGY=strategy,
        RATELIMIT_APPLICATION="100/hour",
        RATELIMIT_HEADERS_ENABLED=True,
    )
    app.add_url_rule("/x", "x", rate_limit("2/hour", **options)(lambda: {}))
    client = app.test_client()
    limits = [client.get("/x").headers["RateLimit"].split(";t=")[0] for _ in range(3)]
    assert limits == ['"x";r=1', '"x";r=0', '"x";r=0']


@pytest.mark.standard("retry-after-not-before-t")
def test_an_error_of_the_view_has_the_fields_too_and_keeps_its_retry_after(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app(RATELIMIT_HEADERS_ENABLED=True)

    @app.get("/x")
    @rate_limit("5/hour")
    def view() -> NoReturn:
        raise ServiceUnavailable(retry_after=120)

    answer = app.test_client().get("/x")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "120"
    assert answer.headers["RateLimit"] == '"view";r=4', "no time that Retry-After contradicts"


@pytest.mark.parametrize("config", [{}, {"RATELIMIT_HEADER_RETRY_AFTER": "X-Wait"}])
@pytest.mark.parametrize("authors", ["Sun, 06 Nov 2095 01:01:01 GMT", "1000000", "5"])
def test_the_retry_after_of_a_response_stays(
    make_app: Callable[..., Flask], authors: str, config: dict[str, str]
) -> None:
    app = make_app(RATELIMIT_HEADERS_ENABLED=True, **config)
    limited = rate_limit("5/hour")
    app.add_url_rule("/x", "x", limited(lambda: ("", {"Retry-After": authors})))
    answer = app.test_client().get("/x")
    assert answer.headers.getlist("Retry-After") == [authors]


def test_the_wait_has_the_configured_name_too(make_app: Callable[..., Flask], clock: Clock) -> None:
    app = limited_app(
        make_app,
        "1/minute",
        RATELIMIT_HEADERS_ENABLED=True,
        RATELIMIT_HEADER_RETRY_AFTER="X-Wait",
    )
    client = app.test_client()
    answers = [client.get("/limited").headers for _ in range(2)]
    assert [headers.getlist("X-Wait") for headers in answers] == [["60"], ["60"]]
    assert [headers.get("Retry-After") for headers in answers] == [None, "60"]


@pytest.mark.parametrize("times", [1, 2])
def test_a_window_that_ends_while_the_view_runs_leaves_the_whole_quota(
    make_app: Callable[..., Flask], clock: Clock, times: int
) -> None:
    app = make_app(RATELIMIT_HEADERS_ENABLED=True)

    @app.get("/x")
    @rate_limit("5/minute")
    def view() -> str:
        clock.now += float(request.args["seconds"])
        return ""

    client = app.test_client()
    for _ in range(times):
        answer = client.get("/x?seconds=20")
    assert answer.headers["RateLimit"] == f'"view";r={5 - times};t={60 - 20 * times}'
    answer = client.get("/x?seconds=61")
    assert answer.headers["RateLimit"] == '"view";r=5;t=0'
    assert answer.headers["X-RateLimit-Remaining"] == "5"


@pytest.mark.parametrize("status", [404, 413, 500])
def test_an_error_that_is_no_429_says_nothing_of_a_later_try(
    make_app: Callable[..., Flask], status: int
) -> None:
    app = make_app(RATELIMIT_HEADERS_ENABLED=True)
    app.add_url_rule("/x", "x", rate_limit("5/hour")(lambda: abort(status)))
    answer = app.test_client().get("/x")
    assert (answer.status_code, answer.headers["X-RateLimit-Remaining"]) == (status, "4")
    assert "Retry-After" not in answer.headers, "a 413 with it is temporary (RFC 9110 15.5.14)"


def names_of(scopes: list[str]) -> list[str]:
    charges = [charge(scope=scope) for scope in scopes]
    (_, policies), _ = rate_limit_fields(charges, charges[0])[0]
    return [policy.split(";")[0].strip('"') for policy in policies.split(", ")]


@given(st.lists(SCOPES, min_size=1))
def test_each_name_is_unique_and_says_what_its_limit_is_for(scopes: list[str]) -> None:
    names = names_of(scopes)
    assert len(set(names)) == len(names) == len(scopes)
    for index, (name, scope) in enumerate(zip(names, scopes, strict=True)):
        assert re.fullmatch(rf"{scope}(-[0-9]+)?", name)
        assert (name == scope) == (scope not in scopes[:index]), "the first of a kind has no number"


def test_a_quota_has_the_name_of_its_scope() -> None:
    assert names_of(["a", "b", "a", "a"]) == ["a", "b", "a-2", "a-3"]


@pytest.mark.standard("partition-key-secrets")
def test_a_name_is_printable_and_no_text_of_a_client(make_app: Callable[..., Flask]) -> None:
    app = make_app(RATELIMIT_HEADERS_ENABLED=True)
    scoped = rate_limit("9/hour", scope=lambda endpoint: request.args["scope"])
    app.add_url_rule("/x", '"ä"', scoped(lambda: {}))
    answer = app.test_client().get("/x?scope=client")
    assert answer.headers["RateLimit-Policy"] == '"%22%C3%A4%22";q=9;w=3600'
    assert answer.headers["RateLimit"].startswith('"%22%C3%A4%22";r=8;')


def test_without_the_setting_only_a_429_has_the_fields(make_app: Callable[..., Flask]) -> None:
    client = limited_app(make_app, "1/minute").test_client()
    answers = [client.get("/limited").headers for _ in range(2)]
    assert [("RateLimit" in headers) for headers in answers] == [False, True]
    assert not any("X-RateLimit-Limit" in headers for headers in answers)


def test_outside_the_api_there_are_no_such_fields(make_app: Callable[..., Flask]) -> None:
    client = limited_app(
        make_app, "1/minute", APIERRORS_URL_PREFIXES=("/api",), RATELIMIT_HEADERS_ENABLED=True
    ).test_client()
    answers = [client.get("/limited") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert not any("RateLimit" in answer.headers for answer in answers)
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["0", "0"]


@pytest.mark.standard("rate-limit-policy", "rate-limit")
@given(
    st.lists(
        st.builds(
            charge,
            st.sampled_from(["1/second", "10/minute", "1000 per 5 hours"]),
            SCOPES,
            st.none() | st.integers(-5, 1000),
            st.none() | st.integers(0, 20_000),
        ),
        min_size=1,
        max_size=5,
    ),
    st.data(),
)
def test_the_fields_name_each_quota_once_and_the_nearest_among_them(
    charges: list[Charge], data: st.DataObject
) -> None:
    nearest = data.draw(st.sampled_from(charges))
    for each in charges:
        each.exceeded = data.draw(st.booleans())
    pairs, exceeded = rate_limit_fields(charges, nearest)
    fields = dict(pairs)
    assert list(fields) == ["RateLimit-Policy", "RateLimit"]
    policies = [
        re.fullmatch(r'"([a-z0-9.-]+)";q=(\d+);w=(\d+)', each)
        for each in fields["RateLimit-Policy"].split(", ")
    ]
    sent = {each[1]: (int(each[2]), int(each[3])) for each in policies if each}
    assert list(sent.values()) == [(charge.quota.amount, charge.quota.window) for charge in charges]
    assert exceeded == [name for name, charge in zip(sent, charges, strict=True) if charge.exceeded]
    limit = re.fullmatch(r'"([a-z0-9.-]+)";r=(\d+)(?:;t=(\d+))?', fields["RateLimit"])
    assert limit is not None
    assert list(sent).index(limit[1]) == charges.index(nearest)
    assert int(limit[2]) == max(0, nearest.remaining or 0)
    assert limit[3] == (None if nearest.reset is None else str(nearest.reset))
