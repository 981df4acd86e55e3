"""Keys are fetched seldom, one fetch at a time, and outlive the failures of their provider."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from werkzeug.exceptions import ServiceUnavailable

from flask_apierrors._guards.key_set import KeySet


class Provider:
    """An identity provider: what it sends, or the exception that a fetch ends with."""

    def __init__(self) -> None:
        self.keys: Mapping[str, Any] = {"a": "key a"}
        self.failure: Exception | None = None
        self.fetches = 0
        #: A fetch waits while it is cleared.
        self.answers = threading.Event()
        self.answers.set()

    def fetch(self) -> Mapping[str, Any]:
        self.fetches += 1
        self.answers.wait(5)
        if self.failure is not None:
            raise self.failure
        return self.keys

    def key_set(self, time_out: float = 1, lifespan: float = 300, cooldown: float = 300) -> KeySet:
        return KeySet(
            "https://id.example/jwks",
            self.fetch,
            time_out=time_out,
            lifespan=lifespan,
            cooldown=cooldown,
        )


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.answers.set()


def test_known_keys_need_one_fetch(provider: Provider) -> None:
    key_set = provider.key_set()
    assert [key_set.find("a") for _ in range(5)] == ["key a"] * 5
    assert provider.fetches == 1


def test_requests_at_the_same_time_share_a_fetch(provider: Provider) -> None:
    key_set = provider.key_set()
    provider.answers.clear()
    with ThreadPoolExecutor(8) as pool:
        keys = [pool.submit(key_set.find, "a") for _ in range(8)]
        provider.answers.set()
        assert [key.result() for key in keys] == ["key a"] * 8
    assert provider.fetches == 1


def test_made_up_key_ids_cause_no_fetch_within_the_cooldown(provider: Provider) -> None:
    key_set = provider.key_set()
    assert [key_set.find(f"made-up-{number}") for number in range(50)] == [None] * 50
    assert provider.fetches == 1


def test_a_new_key_is_found_after_the_cooldown(provider: Provider) -> None:
    key_set = provider.key_set(cooldown=0)
    assert key_set.find("b") is None
    provider.keys = {"b": "key b"}
    assert key_set.find("b") == "key b"
    assert key_set.find("a") is None


def test_a_key_that_the_provider_withdraws_is_refused_after_the_lifespan(
    provider: Provider,
) -> None:
    key_set = provider.key_set(lifespan=0.02)
    assert key_set.find("a") == "key a"
    provider.keys = {"b": "key b"}
    time.sleep(0.03)
    assert key_set.find("a") is None


def test_old_keys_serve_on_while_the_provider_is_away_and_it_is_logged_once(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    key_set = provider.key_set(lifespan=0.01)
    assert key_set.find("a") == "key a"
    provider.failure = ConnectionError("no route to host")
    for _ in range(5):
        time.sleep(0.02)
        assert key_set.find("a") == "key a"
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "https://id.example/jwks" in caplog.text
    assert "no route to host" in caplog.text


def test_a_key_that_is_not_among_the_old_ones_is_a_503_while_the_provider_is_away(
    provider: Provider,
) -> None:
    key_set = provider.key_set(cooldown=0.01)
    assert key_set.find("a") == "key a"
    provider.failure = ValueError("not JSON")
    time.sleep(0.02)
    with pytest.raises(ServiceUnavailable):
        key_set.find("b")
    assert key_set.find("a") == "key a"


def test_the_first_keys_are_asked_for_again_soon(
    provider: Provider, caplog: pytest.LogCaptureFixture
) -> None:
    key_set = provider.key_set()
    provider.failure = ConnectionError()
    for _ in range(5):
        with pytest.raises(ServiceUnavailable):
            key_set.find("a")
    assert provider.fetches == 1
    provider.failure = None
    time.sleep(1.05)
    assert key_set.find("a") == "key a"
    assert "sends keys again" in caplog.text


def test_a_provider_that_hangs_delays_no_request_for_longer_than_the_time_out(
    provider: Provider,
) -> None:
    key_set = provider.key_set(time_out=0.2, lifespan=0.01)
    key_set.find("a")
    time.sleep(0.02)
    provider.answers.clear()

    def delay(key_id: str) -> float:
        start = time.monotonic()
        try:
            assert key_set.find(key_id) == "key a"
        except ServiceUnavailable:
            assert key_id == "b"
        return time.monotonic() - start

    with ThreadPoolExecutor(8) as pool:
        assert max(pool.map(delay, "aaaabbbb")) < 0.4
    assert delay("a") + delay("b") < 0.1
    assert provider.fetches == 2


def test_while_the_provider_is_away_a_request_with_a_key_does_not_wait_for_the_next_attempt(
    provider: Provider,
) -> None:
    key_set = provider.key_set(lifespan=0.01)
    key_set.find("a")
    provider.failure = ConnectionError()
    time.sleep(0.02)
    key_set.find("a")
    provider.answers.clear()
    time.sleep(0.02)
    start = time.monotonic()
    assert key_set.find("a") == "key a"
    assert time.monotonic() - start < 0.1
    assert provider.fetches == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_in_the_middle_of_a_fetch_fetches_for_itself(provider: Provider) -> None:
    key_set = provider.key_set(time_out=0.05)
    provider.answers.clear()
    with pytest.raises(ServiceUnavailable):
        key_set.find("a")
    child = os.fork()
    if child == 0:
        provider.answers.set()
        os._exit(0 if key_set.find("a") == "key a" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
