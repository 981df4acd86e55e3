"""Promises of the counters in memory: exact, forgotten in time, and safe from the clock."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from limits import parse
from limits.strategies import STRATEGIES

from flask_apierrors._limits import memory
from flask_apierrors._limits.memory import ProcessMemory
from tests.conftest import Clock

from .storages import limited_app


def test_counting_is_exact_across_threads() -> None:
    app = limited_app("100/hour")
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda _: app.test_client().get("/").status_code, range(300)))
    assert (codes.count(200), codes.count(429)) == (100, 200)


def test_counting_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[threading.Thread] = []
    monkeypatch.setattr(threading.Thread, "start", started.append)
    client = limited_app("100/hour").test_client()
    for _ in range(5):
        time.sleep(0.015)
        client.get("/")
    assert started == []


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_clients_are_forgotten_when_their_window_is_over(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, strategy: str
) -> None:
    monkeypatch.setattr(memory, "SWEEP_INTERVAL", 0.0)
    storage = ProcessMemory()
    window, item = STRATEGIES[strategy](storage), parse("5/second")
    for number in range(50):
        window.hit(item, f"client-{number}")
    clock.now += 3
    window.hit(item, "other")
    assert len(storage.storage) <= 1
    assert len(storage.events) <= 1
    assert len(storage.expirations) == 1


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("difference", [0.5, 30, 3600])
def test_a_clock_that_is_set_back_refuses_a_client_for_no_longer_than_the_window(
    clock: Clock, strategy: str, difference: float
) -> None:
    window, item = STRATEGIES[strategy](ProcessMemory()), parse("1/minute")
    assert window.hit(item, "a")
    clock.now -= difference
    stats = window.get_window_stats(item, "a")
    assert stats.reset_time <= clock.now + 120
    clock.now += 121
    assert window.test(item, "a")
    assert window.hit(item, "a")


@pytest.mark.parametrize("strategy", ["fixed-window", "moving-window"])
def test_a_clock_that_is_set_back_gives_no_client_a_new_window(clock: Clock, strategy: str) -> None:
    window, item = STRATEGIES[strategy](ProcessMemory()), parse("1/minute")
    assert window.hit(item, "a")
    clock.now -= 3600
    assert not window.hit(item, "a")
    assert window.get_window_stats(item, "a").reset_time == pytest.approx(clock.now + 60)
    clock.now += 59
    assert not window.hit(item, "a")


def test_a_moving_window_moves(clock: Clock) -> None:
    window, item = STRATEGIES["moving-window"](ProcessMemory()), parse("3/minute")
    assert window.get_window_stats(item, "a").remaining == 3
    assert window.hit(item, "a")
    clock.now += 40
    assert window.hit(item, "a", cost=2)
    assert not window.hit(item, "a")
    clock.now += 21
    assert window.hit(item, "a")
    assert not window.hit(item, "a")


def test_counters_can_be_read_lowered_and_forgotten(clock: Clock) -> None:
    storage = ProcessMemory()
    assert (storage.get("a"), storage.decr("a"), storage.get_expiry("a")) == (0, 0, clock.now)
    assert [storage.incr("a", 60, 3), storage.decr("a"), storage.decr("a", 9)] == [3, 2, 0]
    assert storage.get_expiry("a") == clock.now + 60
    storage.incr("b", 60)
    storage.clear("a")
    assert (storage.get("a"), storage.get("b"), storage.reset(), storage.get("b")) == (0, 1, 1, 0)
