"""Promises of quotas: what a request takes, and what a client is told is left."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from hypothesis import example, given
from hypothesis import strategies as st
from limits import parse
from limits.storage import Storage
from limits.strategies import (
    FixedWindowRateLimiter,
    MovingWindowRateLimiter,
    RateLimiter,
    SlidingWindowCounterRateLimiter,
)

from flask_apierrors import ApiErrors, rate_limit
from flask_apierrors._limits.quotas import (
    Counters,
    Quota,
    Spent,
    identifiers,
    in_order,
    limit_text,
    nearest_of,
    numbered,
    parse_limit,
    policy_names,
    rate_limit_fields,
)
from flask_apierrors._limits.storage import GuardedStorage, SweptMemory
from tests.conftest import Clock, limited_app, statuses

PROBLEM = {"Accept": "application/problem+json"}
#: Where a limit can come from.
SOURCES = st.sampled_from(["application", "default", "endpoint", "fallback", "meta"])
STRATEGIES = [FixedWindowRateLimiter, MovingWindowRateLimiter, SlidingWindowCounterRateLimiter]


def quota(
    limit: str = "10/minute", source: str = "endpoint", prefix: str = "", scope: str = "ships"
) -> Quota:
    (runtime,) = Limiter(get_remote_address, storage_uri="memory://").limit(limit)
    return Quota(source, runtime, prefix, scope, get_remote_address)


def spent(
    limit: str = "10/minute",
    source: str = "endpoint",
    left: int | None = None,
    reset: int | None = None,
) -> Spent:
    one = Spent(quota(limit, source), "127.0.0.1", 1)
    one.left, one.reset = left, reset
    return one


def counters(
    strategy: type[RateLimiter] = FixedWindowRateLimiter, storage: Storage | None = None
) -> Counters:
    return Counters(strategy(storage or SweptMemory()), "")


# -- what a quota is


@given(
    st.one_of(
        st.text(),
        st.text("0123456789 /;,|:perscondmiutha\n"),
        st.none(),
        st.integers(),
        st.binary(),
    )
)
@example("1/second:;2/minute")
@example("9" * 5_000 + "/second")
@example("10 per \ud800")
def test_any_limit_is_read_or_refused_with_its_place_and_the_remedy(found: Any) -> None:
    try:
        limits = parse_limit(found, "KEY")
    except ValueError as error:
        said = str(error)
    else:
        assert limits
        assert all(limit.amount >= 0 and limit.get_expiry() >= 1 for limit in limits)
        return
    assert said.startswith("KEY is not a rate limit. Write it as '10 per second'")


@given(
    st.integers(1),
    st.integers(1),
    st.sampled_from(["second", "minute", "hour", "day", "month", "year"]),
)
def test_a_limit_is_said_in_words_that_a_configuration_takes(
    amount: int, multiples: int, unit: str
) -> None:
    text = limit_text(parse(f"{amount}/{multiples} {unit}"))
    assert text == f"{amount} per {multiples} {unit}{'s' if multiples > 1 else ''}"
    assert limit_text(parse(text)) == text


def test_the_shortest_window_comes_first_and_equal_ones_stay_in_order() -> None:
    quotas = [quota(limit) for limit in ("1/hour", "9/minute", "5/second", "2 per 60 seconds")]
    assert [one.text for one in in_order(quotas)] == [
        "5 per 1 second",
        "9 per 1 minute",
        "2 per 60 seconds",
        "1 per 1 hour",
    ]


@given(st.text().filter(lambda text: "\0" not in text), st.text(), st.text())
@example("shop", "a\0b", "")
@example("", "127.0.0.1", "/ships/\0/x")
def test_a_counter_has_the_key_that_limits_gives_it(prefix: str, client: str, scope: str) -> None:
    made = quota(prefix=prefix, scope=scope)
    assert Spent(made, client, 1).key == made.item.key_for(*identifiers(prefix, client, scope))


def test_flask_limiter_and_we_count_on_the_same_counters(make_app: Callable[..., Flask]) -> None:
    errors = ApiErrors()
    app = make_app(errors, RATELIMIT_KEY_PREFIX="shop")
    with app.app_context():
        limiter = errors.limiter

    @app.get("/x")
    @rate_limit("4/hour")
    def ours() -> dict[str, str]:
        return {}

    @app.get("/y", endpoint="native")
    @limiter.limit("4/hour")
    def native() -> dict[str, str]:
        return {}

    client = app.test_client()
    assert statuses(client, "/x", 1) + statuses(client, "/y", 2) == [200] * 3
    storage: Any = limiter.storage
    assert storage.storage == {
        "LIMITER/shop/127.0.0.1/ours/4/1/hour": 1,
        "LIMITER/shop/127.0.0.1/native/4/1/hour": 2,
    }
    item = next(iter(limiter.limit("4/hour"))).limit
    assert limiter.limiter.hit(item, "shop", "127.0.0.1", "ours")
    assert client.get("/x").headers["RateLimit"].startswith('"endpoint";r=1;')


# -- what a request takes


def test_cost_counts_a_request_for_several(make_app: Callable[..., Flask]) -> None:
    app = make_app()

    @app.get("/x")
    @rate_limit("10/minute", cost=lambda: int(request.args.get("n", 1)))
    def view() -> dict[str, str]:
        return {}

    client = app.test_client()
    assert [client.get(f"/x?n={n}").status_code for n in (4, 6, 1)] == [200, 200, 429]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_looking_whether_there_is_room_counts_nothing(
    clock: Clock, strategy: type[RateLimiter]
) -> None:
    counted, one = counters(strategy), Spent(quota("2/hour"), "a", 2)
    assert [counted.has_room(one), counted.has_room(one), counted.take(one)] == [True, True, True]
    assert [counted.has_room(one), counted.take(one)] == [False, False]
    assert counted.has_room(Spent(one.quota, "b", 2)), "another client has a counter of its own"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_is_left_is_what_others_have_not_taken(
    clock: Clock, strategy: type[RateLimiter]
) -> None:
    counted, limited = counters(strategy), quota("10/hour")
    assert counted.take(Spent(limited, "a", 3))
    assert counted.take(Spent(limited, "b", 5))
    seen = Spent(limited, "a", 1)
    counted.measure(seen)
    assert seen.left == 7
    assert seen.reset is not None


def test_a_fixed_window_tells_at_once_what_is_left() -> None:
    counted, one = counters(), Spent(quota("5/hour"), "a", 3)
    assert [(counted.take(one), one.left) for _ in range(2)] == [(True, 2), (False, -1)]
    assert one.reset is None, "for when, the storage has to be asked again"


def test_a_counter_that_ends_meanwhile_is_waited_for_a_second() -> None:
    one = Spent(quota(), "a", 1)
    counters().measure_exceeded(one)
    assert (one.left, one.reset) == (0, 1)


@pytest.mark.parametrize("strategy", ["fixed-window", "moving-window", "sliding-window-counter"])
@pytest.mark.parametrize("cost", [1, 2])
def test_waiting_as_long_as_retry_after_says_is_enough(
    make_app: Callable[..., Flask], clock: Clock, strategy: str, cost: int
) -> None:
    app = make_app(RATELIMIT_STRATEGY=strategy)

    @app.get("/x")
    @rate_limit("5 per 7 seconds", cost=cost)
    def view() -> dict[str, str]:
        return {}

    client = app.test_client()
    refused = 0
    for step in range(400):
        clock.now += (step * 37 % 100) / 50
        answer = client.get("/x")
        if answer.status_code == 429:
            refused += 1
            wait = int(answer.headers["Retry-After"])
            assert wait >= 1
            assert answer.headers["RateLimit"].endswith(f";r=0;t={wait}")
            clock.now += wait
            assert client.get("/x").status_code == 200
    assert refused > 20


def test_retry_after_is_enough_for_all_exceeded_limits(
    make_app: Callable[..., Flask], clock: Clock
) -> None:
    client = limited_app(make_app, "1/second; 2/minute").test_client()
    assert client.get("/limited").status_code == 200
    clock.now += 1
    assert client.get("/limited").status_code == 200
    answer = client.get("/limited", headers=PROBLEM)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "59")
    assert answer.json is not None
    assert answer.json["violated-policies"] == ["endpoint", "endpoint-2"]


@given(
    st.integers(1, 100_000),
    st.integers(-10_000_000, 200_000_000),
    st.floats(1.7e9, 2.1e9),
    st.booleans(),
)
@example(60, 60_000, 1.8e9, True)
@example(60, 59_499, 1.8e9, True)
def test_waiting_for_a_fixed_window_is_enough_and_never_longer_than_it(
    window: int, milliseconds: int, now: float, remote: bool
) -> None:
    # Redis tells the life of a counter in whole seconds, rounded to the nearest.
    told = (milliseconds + 500) // 1000 if remote else milliseconds / 1000
    counted = counters(storage=GuardedStorage(SweptMemory()) if remote else None)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(time, "time", lambda: now)
        seconds = counted.seconds_until(now + told, window)
    assert 0 <= seconds <= window
    if milliseconds <= window * 1000:
        assert seconds * 1000 >= milliseconds
        assert seconds * 1000 <= max(0, milliseconds + (1500 if remote else 1000)), (
            "not much longer than it lasts"
        )


@given(
    st.integers(-10_000_000, 200_000_000), st.floats(1.7e9, 2.1e9), st.sampled_from(STRATEGIES[1:])
)
def test_waiting_for_another_window_is_enough_and_hardly_longer(
    milliseconds: int, now: float, strategy: type[RateLimiter]
) -> None:
    counted = counters(strategy)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(time, "time", lambda: now)
        seconds = counted.seconds_until(now + milliseconds / 1000, 1)
    assert max(0, milliseconds) <= seconds * 1000 <= max(0, milliseconds + 1002)


# -- what a client is told


def test_limited_routes_tell_their_policy_and_what_is_left(
    make_app: Callable[..., Flask], clock: Clock
) -> None:
    client = limited_app(make_app, "2/minute").test_client()
    told = [client.get("/limited").headers for _ in range(3)]
    assert [headers["RateLimit-Policy"] for headers in told] == ['"endpoint";q=2;w=60'] * 3
    assert [headers["RateLimit"] for headers in told] == [
        f'"endpoint";r={left};t=60' for left in (1, 0, 0)
    ]
    assert "Retry-After" not in told[0]
    assert told[2]["Retry-After"] == "60"
    assert "RateLimit" not in client.get("/free").headers


def test_several_limits_tell_the_one_that_is_nearest(
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
def test_the_nearest_is_told_whatever_the_strategy_and_whenever_it_is_counted(
    make_app: Callable[..., Flask], clock: Clock, strategy: str, options: dict[str, Any]
) -> None:
    app = make_app(RATELIMIT_STRATEGY=strategy, RATELIMIT_APPLICATION="100/hour")
    app.add_url_rule("/x", "x", rate_limit("2/hour", **options)(lambda: {}))
    client = app.test_client()
    told = [client.get("/x").headers["RateLimit"].split(";t=")[0] for _ in range(3)]
    assert told == ['"endpoint";r=1', '"endpoint";r=0', '"endpoint";r=0']


def test_the_nearest_is_the_one_of_which_the_smallest_part_is_left() -> None:
    rich, poor, unknown = spent("100/hour", left=50), spent("1000/hour", left=60), spent("1/hour")
    assert nearest_of([unknown]) is unknown
    assert nearest_of([rich, poor, unknown]) is poor
    assert nearest_of([unknown, rich]) is rich
    nothing = spent("0/hour", left=0)
    assert nearest_of([rich, nothing]) is nothing


def test_the_nearest_of_exceeded_ones_is_the_one_to_wait_longest_for() -> None:
    first, second = spent("1/second", left=0, reset=1), spent("2/minute", left=0, reset=59)
    first.exceeded = second.exceeded = True
    assert nearest_of([spent("9/hour", left=0), first, second]) is second


@given(st.lists(SOURCES))
def test_each_name_is_unique_and_says_where_its_limit_comes_from(sources: list[str]) -> None:
    names = numbered(sources)
    assert len(set(names)) == len(names) == len(sources)
    for index, (name, source) in enumerate(zip(names, sources, strict=True)):
        assert re.fullmatch(rf"{source}(-[0-9]+)?", name)
        assert (name == source) == (source not in sources[:index]), (
            "the first of a kind has no number"
        )


def test_a_quota_that_is_alone_has_the_name_of_its_source() -> None:
    assert policy_names([spent(source="application")]) == ["application"]
    assert policy_names(
        [spent(source=source) for source in ("default", "endpoint", "default", "default")]
    ) == [
        "default",
        "endpoint",
        "default-2",
        "default-3",
    ]


@given(
    st.lists(
        st.builds(
            spent,
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
    met: list[Spent], data: st.DataObject
) -> None:
    nearest = data.draw(st.sampled_from(met))
    fields = dict(rate_limit_fields(met, nearest))
    assert list(fields) == ["RateLimit-Policy", "RateLimit"]
    policies = [
        re.fullmatch(r'"([a-z0-9-]+)";q=(\d+);w=(\d+)', each)
        for each in fields["RateLimit-Policy"].split(", ")
    ]
    told = {each[1]: (int(each[2]), int(each[3])) for each in policies if each}
    assert list(told.values()) == [(one.quota.amount, one.quota.window) for one in met]
    limit = re.fullmatch(r'"([a-z0-9-]+)";r=(\d+)(?:;t=(\d+))?', fields["RateLimit"])
    assert limit is not None
    assert list(told).index(limit[1]) == met.index(nearest)
    assert int(limit[2]) == max(0, nearest.left or 0)
    assert limit[3] == (None if nearest.reset is None else str(nearest.reset))
