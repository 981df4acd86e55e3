"""Promises of the header fields: which limits they name, and how much they say is left."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import ServiceUnavailable

from flask_apierrors import rate_limit
from flask_apierrors._limits.fields import policy_names, rate_limit_fields, unique_names
from flask_apierrors._limits.quotas import Charge
from tests.conftest import Clock, limited_app

from .samples import charge

#: Where a limit can come from.
SOURCES = st.sampled_from(["application", "default", "endpoint", "fallback", "meta"])


def test_the_fields_of_a_limited_route_have_its_policy_and_what_is_left(
    make_app: Callable[..., Flask], clock: Clock
) -> None:
    client = limited_app(make_app, "2/minute").test_client()
    answers = [client.get("/limited").headers for _ in range(3)]
    assert [headers["RateLimit-Policy"] for headers in answers] == ['"endpoint";q=2;w=60'] * 3
    assert [headers["RateLimit"] for headers in answers] == [
        f'"endpoint";r={left};t=60' for left in (1, 0, 0)
    ]
    assert "Retry-After" not in answers[0]
    assert answers[2]["Retry-After"] == "60"
    assert "RateLimit" not in client.get("/free").headers


def test_of_several_limits_the_nearest_is_sent(
    make_app: Callable[..., Flask], clock: Clock
) -> None:
    client = limited_app(
        make_app, "3/second; 4/hour", RATELIMIT_APPLICATION="100/hour"
    ).test_client()
    answer = client.get("/limited")
    assert (
        answer.headers["RateLimit-Policy"]
        == '"application";q=100;w=3600, "endpoint";q=3;w=1, "endpoint-2";q=4;w=3600'
    )
    assert answer.headers["RateLimit"] == '"endpoint";r=2;t=1'
    clock.now += 2
    client.get("/limited")
    clock.now += 2
    assert client.get("/limited").headers["RateLimit"] == '"endpoint-2";r=1;t=3596'


@pytest.mark.parametrize("strategy", ["fixed-window", "moving-window", "sliding-window-counter"])
@pytest.mark.parametrize(
    "options", [{}, {"deduct_when": lambda response: response.status_code == 200}]
)
def test_the_nearest_is_sent_for_each_strategy_and_with_deduct_when(
    make_app: Callable[..., Flask], clock: Clock, strategy: str, options: dict[str, Any]
) -> None:
    app = make_app(RATELIMIT_STRATEGY=strategy, RATELIMIT_APPLICATION="100/hour")
    app.add_url_rule("/x", "x", rate_limit("2/hour", **options)(lambda: {}))
    client = app.test_client()
    limits = [client.get("/x").headers["RateLimit"].split(";t=")[0] for _ in range(3)]
    assert limits == ['"endpoint";r=1', '"endpoint";r=0', '"endpoint";r=0']


def test_an_error_of_the_view_has_the_fields_too_and_keeps_its_retry_after(
    make_app: Callable[..., Flask],
) -> None:
    app = make_app()

    @app.get("/x")
    @rate_limit("5/hour")
    def view() -> NoReturn:
        raise ServiceUnavailable(retry_after=120)

    answer = app.test_client().get("/x")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "120"
    assert answer.headers["RateLimit"] == '"endpoint";r=4', "no time that Retry-After contradicts"


@given(st.lists(SOURCES))
def test_each_name_is_unique_and_says_where_its_limit_comes_from(sources: list[str]) -> None:
    names = unique_names(sources)
    assert len(set(names)) == len(names) == len(sources)
    for index, (name, source) in enumerate(zip(names, sources, strict=True)):
        assert re.fullmatch(rf"{source}(-[0-9]+)?", name)
        assert (name == source) == (source not in sources[:index]), (
            "the first of a kind has no number"
        )


def test_a_single_quota_has_the_name_of_its_source() -> None:
    assert policy_names([charge(source="application")]) == ["application"]
    assert policy_names(
        [charge(source=source) for source in ("default", "endpoint", "default", "default")]
    ) == [
        "default",
        "endpoint",
        "default-2",
        "default-3",
    ]


@given(
    st.lists(
        st.builds(
            charge,
            st.sampled_from(["1/second", "10/minute", "1000 per 5 hours"]),
            SOURCES,
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
    fields = dict(rate_limit_fields(charges, nearest))
    assert list(fields) == ["RateLimit-Policy", "RateLimit"]
    policies = [
        re.fullmatch(r'"([a-z0-9-]+)";q=(\d+);w=(\d+)', each)
        for each in fields["RateLimit-Policy"].split(", ")
    ]
    sent = {each[1]: (int(each[2]), int(each[3])) for each in policies if each}
    assert list(sent.values()) == [(charge.quota.amount, charge.quota.window) for charge in charges]
    limit = re.fullmatch(r'"([a-z0-9-]+)";r=(\d+)(?:;t=(\d+))?', fields["RateLimit"])
    assert limit is not None
    assert list(sent).index(limit[1]) == charges.index(nearest)
    assert int(limit[2]) == max(0, nearest.remaining or 0)
    assert limit[3] == (None if nearest.reset is None else str(nearest.reset))
