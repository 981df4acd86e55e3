"""Promises of quotas: what a request takes, and what is left."""

from __future__ import annotations

import time
from typing import Any

import pytest
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

from flask_apierrors._limits import quotas
from flask_apierrors._limits.memory import ProcessMemory
from flask_apierrors._limits.quotas import (
    Charge,
    Counters,
    by_window,
    limit_text,
    nearest_of,
    parse_limit,
)
from flask_apierrors._limits.storage import GuardedStorage
from tests.conftest import Clock

from .samples import charge, quota

STRATEGIES = [FixedWindowRateLimiter, MovingWindowRateLimiter, SlidingWindowCounterRateLimiter]


def counters(
    strategy: type[RateLimiter] = FixedWindowRateLimiter, storage: Storage | None = None
) -> Counters:
    storage = storage or ProcessMemory()
    return Counters(strategy(storage))


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
def test_any_limit_is_parsed_or_refused_with_its_source_and_the_remedy(text: Any) -> None:
    try:
        limits = parse_limit(text, "KEY")
    except ValueError as error:
        message = str(error)
    else:
        assert limits
        assert all(limit.amount >= 0 and limit.get_expiry() >= 1 for limit in limits)
        return
    assert message.startswith("KEY is not a rate limit. Write it as '10 per second'")


@given(
    st.integers(1),
    st.integers(1),
    st.sampled_from(["second", "minute", "hour", "day", "month", "year"]),
)
def test_a_limit_in_words_can_be_parsed_again(amount: int, multiples: int, unit: str) -> None:
    text = limit_text(parse(f"{amount}/{multiples} {unit}"))
    assert text == f"{amount} per {multiples} {unit}{'s' if multiples > 1 else ''}"
    assert limit_text(parse(text)) == text


def test_the_shortest_window_comes_first_and_equal_ones_stay_in_order() -> None:
    quotas = [quota(limit) for limit in ("1/hour", "9/minute", "5/second", "2 per 60 seconds")]
    assert [quota.text for quota in by_window(quotas)] == [
        "5 per 1 second",
        "9 per 1 minute",
        "2 per 60 seconds",
        "1 per 1 hour",
    ]


@given(st.text().filter(lambda text: "\0" not in text), st.text(), st.text())
@example("shop", "a\0b", "")
@example("", "127.0.0.1", "/ships/\0/x")
def test_a_counter_has_the_key_that_limits_gives_it(prefix: str, client: str, scope: str) -> None:
    limited = quota(prefix=prefix, scope=scope)
    identifiers = (prefix, client, scope) if prefix else (client, scope)
    assert Charge(limited, client, 1).key == limited.item.key_for(*identifiers)


# -- what a request takes


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_checking_for_room_counts_nothing(clock: Clock, strategy: type[RateLimiter]) -> None:
    counted, sample = counters(strategy), Charge(quota("2/hour"), "a", 2)
    assert [counted.has_room(sample), counted.has_room(sample), counted.take(sample)] == [
        True,
        True,
        True,
    ]
    assert [counted.has_room(sample), counted.take(sample)] == [False, False]
    assert counted.has_room(Charge(sample.quota, "b", 2)), "another client has a counter of its own"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_is_left_is_counted_for_each_client(clock: Clock, strategy: type[RateLimiter]) -> None:
    counted, limited = counters(strategy), quota("10/hour")
    assert counted.take(Charge(limited, "a", 3))
    assert counted.take(Charge(limited, "b", 5))
    seen = Charge(limited, "a", 1)
    counted.measure(seen)
    assert seen.remaining == 7
    assert seen.reset is not None


def test_in_a_fixed_window_taking_measures_what_is_left(clock: Clock) -> None:
    counted = counters()
    samples = [Charge(quota("5/hour"), "a", cost) for cost in (3, 1)]
    assert [(counted.take(sample), sample.remaining) for sample in samples] == [
        (True, 2),
        (True, 1),
    ]


def test_the_ends_of_a_limited_number_of_windows_are_remembered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    class Remote(GuardedStorage):
        def get_expiry(self, key: str) -> float:
            asked.append(key.split("/")[1])
            expiry: float = super().get_expiry(key)
            return expiry

    monkeypatch.setattr(quotas, "_MAX_ENDS", 2)
    counted = counters(storage=Remote("memory://"))
    for client in ("a", "b", "c", "a", "c", "b"):
        sample = Charge(quota("5/hour"), client)
        counted.take(sample)
        counted.measure(sample)
        assert sample.reset == 3600
    assert asked == ["a", "b"], "the first request of a window knows its end"


def test_a_refused_cost_is_given_back(clock: Clock) -> None:
    counted, limited = counters(), quota("5/hour")
    assert [counted.take(Charge(limited, "a", cost)) for cost in (3, 3, 2, 1)] == [
        True,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("waiting", [0, 3599, 3601, 7300])
def test_what_is_given_back_never_makes_room_in_a_later_window(clock: Clock, waiting: int) -> None:
    counted, limited = counters(), quota("2/hour")
    reserved = Charge(limited, "a")
    assert counted.reserve(reserved)
    clock.now += waiting
    if waiting > 3600:
        assert counted.take(Charge(limited, "a"))
    counted.settle(reserved, is_due=False)
    later = [counted.take(Charge(limited, "a")) for _ in range(3)]
    assert later == ([True, True, False] if waiting < 3600 else [True, False, False])


@pytest.mark.parametrize("is_due", [True, False])
def test_a_storage_that_cannot_give_back_is_asked_first_and_counts_later(
    clock: Clock, is_due: bool
) -> None:
    counted = Counters(MovingWindowRateLimiter(ProcessMemory()))
    sample = Charge(quota("1/hour"), "a")
    assert [counted.reserve(sample), counted.reserve(sample)] == [True, True]
    counted.settle(sample, is_due=is_due)
    assert counted.reserve(sample) is not is_due


def test_the_wait_for_an_expired_counter_is_one_second() -> None:
    sample = Charge(quota(), "a", 1)
    counters().measure_exceeded(sample)
    assert (sample.remaining, sample.reset) == (0, 1)


@given(
    st.integers(1, 100_000),
    st.integers(-10_000_000, 200_000_000),
    st.floats(1.7e9, 2.1e9),
    st.booleans(),
)
@example(60, 60_000, 1.8e9, True)
@example(60, 59_499, 1.8e9, True)
def test_the_wait_for_a_fixed_window_is_enough_and_never_longer_than_the_window(
    window: int, milliseconds: int, now: float, remote: bool
) -> None:
    # Redis tells the life of a counter in whole seconds, rounded to the nearest.
    life = (milliseconds + 500) // 1000 if remote else milliseconds / 1000
    counted = counters(storage=GuardedStorage("memory://") if remote else None)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(time, "time", lambda: now)
        seconds = counted.seconds_until(now + life, window)
    assert 0 <= seconds <= window
    if milliseconds <= window * 1000:
        assert seconds * 1000 >= milliseconds
        assert seconds * 1000 <= max(0, milliseconds + (1500 if remote else 1000)), (
            "not much longer than it lasts"
        )


@given(
    st.integers(-10_000_000, 200_000_000), st.floats(1.7e9, 2.1e9), st.sampled_from(STRATEGIES[1:])
)
def test_the_wait_for_another_window_is_enough_and_hardly_longer(
    milliseconds: int, now: float, strategy: type[RateLimiter]
) -> None:
    counted = counters(strategy)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(time, "time", lambda: now)
        seconds = counted.seconds_until(now + milliseconds / 1000, 1)
    assert max(0, milliseconds) <= seconds * 1000 <= max(0, milliseconds + 1002)


# -- the nearest


def test_the_nearest_quota_is_the_one_with_the_smallest_part_left() -> None:
    rich = charge("100/hour", remaining=50, reset=1)
    poor = charge("1000/hour", remaining=60, reset=1)
    assert nearest_of([rich]) is rich
    assert nearest_of([rich, poor]) is poor
    nothing = charge("0/hour", remaining=0, reset=1)
    assert nearest_of([rich, nothing]) is nothing


def test_what_is_not_known_is_measured(clock: Clock) -> None:
    counted = counters()
    first, second = (Charge(quota(scope=scope), "a", 1, counted) for scope in "ab")
    assert counted.take(first)
    assert nearest_of([first, second]) is first
    assert (first.remaining, first.reset, second.remaining) == (9, 60, 10)


def test_the_nearest_exceeded_quota_is_the_one_with_the_longest_wait() -> None:
    first, second = (
        charge("1/second", remaining=0, reset=1),
        charge("2/minute", remaining=0, reset=59),
    )
    first.exceeded = second.exceeded = True
    assert nearest_of([charge("9/hour", remaining=0), first, second]) is second
