"""Promises of the storage when it fails: killed, frozen, restarted, late. With real servers."""

from __future__ import annotations

import gc
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from flask.cli import FlaskGroup
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from flask_apierrors import ApiErrors, rate_limit
from flask_apierrors._limits import storage as rate_limit_storage
from flask_apierrors._limits.drivers import TIME_OUT
from flask_apierrors._limits.memory import ProcessMemory
from flask_apierrors._limits.storage import PROBE_INTERVAL, GuardedStorage

from .storages import (
    Gunicorn,
    Load,
    Proxy,
    Redis,
    Server,
    free_port,
    limited_app,
    memcached_program,
    wait_until,
)

#: Seconds. Far less than a client of Redis waits by default, far more than a loaded machine adds.
PATIENCE = 3.0


def patient(redis: Redis) -> dict[str, Any]:
    """Return long time-outs: on a loaded machine a healthy Redis may stop for half a second."""
    return {
        "RATELIMIT_STORAGE_URI": redis.uri,
        "RATELIMIT_STORAGE_OPTIONS": {"socket_timeout": 10, "socket_connect_timeout": 10},
    }


# A client of Redis leaves its connections to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    yield
    gc.collect()


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture
def gunicorn(tmp_path: Path) -> Iterator[Callable[..., Gunicorn]]:
    started: list[Gunicorn] = []

    def start(**arguments: object) -> Gunicorn:
        started.append(Gunicorn(tmp_path / "gunicorn.log", **arguments))
        started[-1].get()
        return started[-1]

    yield start
    for server in started:
        server.stop()


def storage_of(app: Flask) -> GuardedStorage:
    storage = app.extensions["apierrors"].rate_limits.counters.strategy.storage
    assert isinstance(storage, GuardedStorage)
    return storage


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def recover(app: Flask) -> None:
    client = app.test_client()

    def is_back() -> bool:
        assert client.get("/").status_code in (200, 429, 503)
        return storage_of(app).healthy

    wait_until(is_back, "the storage to be used again")


# -- one process


@pytest.mark.parametrize("strategy", ["fixed-window", "moving-window", "sliding-window-counter"])
def test_redis_counts_by_each_strategy_and_waiting_is_enough(redis: Redis, strategy: str) -> None:
    app = limited_app("2 per 2 seconds", RATELIMIT_STRATEGY=strategy, **patient(redis))
    client = app.test_client()
    client.get("/")
    time.sleep(0.6)
    answers = [client.get("/") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    wait = int(answers[1].headers["Retry-After"])
    assert 1 <= wait <= 3
    assert answers[1].headers["RateLimit"] == f'"view";r=0;t={wait}'
    time.sleep(wait)
    assert client.get("/").status_code == 200


@pytest.mark.parametrize("has_fields", [False, True])
@pytest.mark.parametrize("limit", ["9/hour", "9/hour; 9/day"])
@pytest.mark.parametrize(
    ("strategy", "for_fields"),
    [("fixed-window", 0), ("moving-window", 1), ("sliding-window-counter", 1)],
)
def test_a_success_asks_once_for_each_limit_and_for_the_fields_only_what_it_cannot_know(
    redis: Redis, strategy: str, for_fields: int, limit: str, has_fields: bool
) -> None:
    apps = [
        limited_app(
            limit,
            RATELIMIT_STRATEGY=strategy,
            RATELIMIT_HEADERS_ENABLED=has_fields,
            **patient(redis),
        )
        for _ in range(2)
    ]
    clients = [app.test_client() for app in apps]
    for client in clients:
        client.get("/")  # loads the scripts, and the second app learns when the window ends
    redis.command("CONFIG", "RESETSTAT")
    answers = [client.get("/") for client in clients]
    sent = redis.command("INFO", "commandstats")
    assert isinstance(sent, dict)
    trips = sum(sent.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("evalsha", "ttl"))
    limits = limit.count("/")
    assert trips / 2 == limits + (for_fields * limits if has_fields else 0)
    if has_fields:
        left = {answer.headers["RateLimit"].partition(";t=")[2] for answer in answers}
        assert left <= {"3600", "3599", "3598"}, "both processes know"


def test_the_wait_of_a_429_is_asked_for(redis: Redis) -> None:
    app = limited_app("1/hour", RATELIMIT_HEADERS_ENABLED=True, **patient(redis))
    client = app.test_client()
    assert client.get("/").headers["RateLimit"] == '"view";r=0;t=3600'
    (key,) = redis.keys()
    redis.command("EXPIRE", key.decode(), "30")
    answer = client.get("/")
    assert (answer.status_code, int(answer.headers["Retry-After"]) <= 31) == (429, True)


def test_a_killed_redis_is_replaced_by_memory_with_one_warning_and_used_again(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    app = limited_app("3/hour", RATELIMIT_STORAGE_URI=redis.uri)
    client = app.test_client()
    assert client.get("/").status_code == 200
    redis.kill()
    assert [client.get("/").status_code for _ in range(6)] == [200, 200, 200, 429, 429, 429]
    assert len(warnings_in(caplog)) == 1
    assert (
        "Limits are counted in memory, by each process alone, until it is back"
        in warnings_in(caplog)[0]
    )
    redis.start()
    recover(app)
    assert len(warnings_in(caplog)) == 2
    assert client.get("/").status_code == 200
    assert redis.keys()


def test_a_frozen_redis_delays_only_the_requests_that_discover_it(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    app = limited_app(RATELIMIT_STORAGE_URI=redis.uri)

    def ask(_: int) -> tuple[int, float]:
        begun = time.monotonic()
        status = app.test_client().get("/").status_code
        return status, time.monotonic() - begun

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(ask, range(24)))
        redis.freeze()
        answers = list(pool.map(ask, range(400)))
        assert {status for status, _ in answers} == {200}
        assert max(taken for _, taken in answers) < PATIENCE
        assert sum(taken >= TIME_OUT * 0.9 for _, taken in answers) <= 12 + 4, (
            "each thread finds it out once, at most"
        )
        assert len(warnings_in(caplog)) == 1
        time.sleep(PROBE_INTERVAL)
        again = list(pool.map(ask, range(100)))
        assert sum(taken >= TIME_OUT * 0.9 for _, taken in again) <= 4, (
            "the probe delays no request"
        )
    redis.thaw()
    recover(app)


def test_there_is_one_prober_at_a_time(redis: Redis) -> None:
    app = limited_app(RATELIMIT_STORAGE_URI=redis.uri)
    client = app.test_client()
    client.get("/")
    redis.freeze()
    end = time.monotonic() + 3
    most = 0
    while time.monotonic() < end:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: app.test_client().get("/"), range(16)))
        most = max(
            most, sum(thread.name == "rate-limit-storage-probe" for thread in threading.enumerate())
        )
    assert most == 1
    redis.thaw()
    recover(app)


def test_a_quick_restart_is_not_noticed_by_clients(redis: Redis) -> None:
    app = limited_app(RATELIMIT_STORAGE_URI=redis.uri)
    client = app.test_client()
    assert client.get("/").status_code == 200
    redis.restart()
    assert [client.get("/").status_code for _ in range(20)] == [200] * 20
    recover(app)


def test_the_log_reminds_of_a_redis_that_stays_away(
    redis: Redis, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit_storage, "REMINDER_INTERVAL", 0.5)
    app = limited_app(RATELIMIT_STORAGE_URI=redis.uri)
    redis.command("CONFIG", "SET", "requirepass", "secret")

    def is_reminded() -> bool:
        app.test_client().get("/")
        return len(warnings_in(caplog)) == 3

    wait_until(is_reminded, "two reminders")
    first, *reminders = warnings_in(caplog)
    assert "failed: AuthenticationError" in first
    assert all("still fails: AuthenticationError" in reminder for reminder in reminders)


def test_a_redis_that_starts_after_the_app_is_used(redis: Redis) -> None:
    redis.kill()
    app = limited_app(RATELIMIT_STORAGE_URI=redis.uri)
    assert app.test_client().get("/").status_code == 200
    redis.start()
    recover(app)
    assert app.test_client().get("/").status_code == 200
    assert redis.keys()


def test_requests_do_not_use_a_redis_that_answers_errors(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    app = limited_app(RATELIMIT_STORAGE_URI=redis.uri)
    client = app.test_client()
    client.get("/")
    redis.command("CONFIG", "SET", "maxmemory", "1")
    end = time.monotonic() + 2.5 * PROBE_INTERVAL
    while time.monotonic() < end:
        assert client.get("/").status_code == 200
    assert len(warnings_in(caplog)) == 1, "a ping would say that it is well"
    redis.command("CONFIG", "SET", "maxmemory", "0")
    recover(app)


def test_without_a_fallback_requests_get_a_503_until_it_is_back(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    app = limited_app(
        "2/hour",
        RATELIMIT_STORAGE_URI=redis.uri,
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=False,
        APIERRORS_RETRY_AFTER=7,
    )
    app.add_url_rule("/free", "free", lambda: {})
    client = app.test_client()
    assert client.get("/").status_code == 200
    redis.kill()
    for _ in range(3):
        answer = client.get("/")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
        assert answer.json is not None
        assert answer.json["error"].startswith("The service is temporarily unavailable.")
    assert client.get("/free").status_code == 200
    assert len(warnings_in(caplog)) == 1
    redis.start()
    recover(app)


def test_errors_are_swallowed_if_flask_limiter_is_configured_so(redis: Redis) -> None:
    app = limited_app(
        "1/hour",
        RATELIMIT_STORAGE_URI=redis.uri,
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=False,
        RATELIMIT_SWALLOW_ERRORS=True,
    )
    redis.kill()
    assert [app.test_client().get("/").status_code for _ in range(3)] == [200] * 3


def test_the_fallback_can_have_a_limit_of_its_own(redis: Redis) -> None:
    app = limited_app(
        "100/hour", RATELIMIT_STORAGE_URI=redis.uri, RATELIMIT_IN_MEMORY_FALLBACK="2/hour"
    )
    app.add_url_rule("/free", "free", lambda: {})
    client = app.test_client()
    assert [client.get("/").status_code for _ in range(4)] == [200] * 4
    redis.kill()
    assert [client.get("/").status_code for _ in range(4)] == [200, 200, 429, 429]
    assert [client.get("/free").status_code for _ in range(3)] == [200, 200, 429]
    redis.start()
    recover(app)
    assert client.get("/").status_code == 200


def test_native_limits_fall_back_too(redis: Redis, caplog: pytest.LogCaptureFixture) -> None:
    errors = ApiErrors()
    app = Flask(__name__)
    app.config.update(RATELIMIT_STORAGE_URI=redis.uri, RATELIMIT_DEFAULT="9/hour")
    errors.init_app(app)
    with app.app_context():
        limiter = errors.limiter

    @app.get("/")
    @limiter.limit("3/hour", deduct_when=lambda response: True)
    def view() -> dict[str, str]:
        return {}

    client = app.test_client()
    assert client.get("/").status_code == 200
    redis.kill()
    assert [client.get("/").status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    assert len(warnings_in(caplog)) == 1
    redis.start()
    recover(app)


def test_the_limiter_of_an_author_falls_back_too(redis: Redis) -> None:
    limiter = Limiter(
        lambda: request.remote_addr or "", storage_uri=redis.uri, default_limits=["3/hour"]
    )
    app = Flask(__name__)
    ApiErrors(app)
    limiter.init_app(app)
    app.add_url_rule("/", "default", lambda: {})
    app.add_url_rule("/ours", "ours", rate_limit("2/hour")(lambda: {}))
    client = app.test_client()
    assert [client.get(path).status_code for path in ("/", "/ours")] == [200, 200]
    redis.kill()
    assert [client.get("/").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert [client.get("/ours").status_code for _ in range(3)] == [200, 200, 429]


def test_a_blackholed_address_delays_only_the_first_request() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        app = limited_app(RATELIMIT_STORAGE_URI=f"redis://127.0.0.1:{port}")
        begun = time.monotonic()
        assert app.test_client().get("/").status_code == 200
        assert time.monotonic() - begun < PATIENCE
        for client in waiting:
            client.close()


def test_options_of_the_administrator_win(redis: Redis) -> None:
    app = limited_app(
        RATELIMIT_STORAGE_URI=redis.uri, RATELIMIT_STORAGE_OPTIONS={"socket_timeout": 2}
    )
    app.test_client().get("/")
    remote = storage_of(app).remote
    assert remote is not None
    options = remote.storage.connection_pool.connection_kwargs
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (2, TIME_OUT)
    assert options["retry"].get_retries() == 0


def test_the_command_line_of_flask_limiter_shows_and_clears(redis: Redis) -> None:
    app = limited_app(RATELIMIT_DEFAULT="1/hour", **patient(redis))
    app.add_url_rule("/default", "default", lambda: {})
    client = app.test_client()
    assert [client.get("/default").status_code for _ in range(2)] == [200, 429]
    runner, flask = app.test_cli_runner(), FlaskGroup(create_app=lambda: app)
    shown = runner.invoke(flask, args=["limiter", "config"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert "GuardedStorage" in shown.output
    assert "OK" in shown.output
    cleared = runner.invoke(flask, args=["limiter", "clear", "--key", "127.0.0.1", "-y"])
    assert cleared.exit_code == 0, cleared.output
    assert client.get("/default").status_code == 200


def test_memory_is_not_guarded() -> None:
    app = limited_app(RATELIMIT_DEFAULT="1/minute")
    assert isinstance(
        app.extensions["apierrors"].rate_limits.counters.strategy.storage, MemoryStorage
    )


@pytest.mark.parametrize("uri", ["redis://127.0.0.1:1", "memory://"])
def test_the_limiter_of_an_author_counts_in_our_storage(uri: str) -> None:
    app = Flask(__name__)
    limiter = Limiter(get_remote_address, app=app, storage_uri=uri)
    ApiErrors(app)
    expected = ProcessMemory if uri == "memory://" else GuardedStorage
    assert type(limiter.storage) is type(limiter.limiter.storage) is expected


# -- one key, one request


def test_a_key_that_the_storage_refuses_is_counted_in_memory_and_no_other_is(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    app = limited_app("2/hour", RATELIMIT_KEY_FUNC=header_key, **patient(redis))
    client = app.test_client()
    bob, mallory = {"Who": "bob"}, {"Who": "mallory"}
    assert [client.get("/", headers=bob).status_code for _ in range(3)] == [200, 200, 429]
    (key,) = all_keys(redis)
    redis.command("LPUSH", key.replace("bob", "mallory"), "another strategy")
    assert [client.get("/", headers=mallory).status_code for _ in range(3)] == [200, 200, 429]
    assert storage_of(app).healthy
    assert client.get("/", headers=bob).status_code == 429
    (warning,) = warnings_in(caplog)
    assert "refused a key: ResponseError" in warning
    assert "mallory" not in warning


def test_without_a_fallback_only_the_refused_key_gets_a_503(redis: Redis) -> None:
    app = limited_app(
        "2/hour",
        RATELIMIT_KEY_FUNC=header_key,
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=False,
        **patient(redis),
    )
    client = app.test_client()
    client.get("/", headers={"Who": "bob"})
    (key,) = all_keys(redis)
    redis.command("LPUSH", key.replace("bob", "mallory"), "another strategy")
    answers = [client.get("/", headers={"Who": who}) for who in ("mallory", "bob", "mallory")]
    assert [answer.status_code for answer in answers] == [503, 200, 503]


def test_memcached_refuses_a_key_and_keeps_counting(caplog: pytest.LogCaptureFixture) -> None:
    pytest.importorskip("pymemcache")
    with memcached() as server:
        app = limited_app(
            "2/hour",
            RATELIMIT_KEY_FUNC=header_key,
            RATELIMIT_STORAGE_URI=f"memcached://127.0.0.1:{server.port}",
        )
        client = app.test_client()
        assert [client.get("/", headers={"Who": "bob"}).status_code for _ in range(2)] == [200] * 2
        for bad in ("x" * 300, "a b"):
            assert client.get("/", headers={"Who": bad}).status_code == 200
        assert storage_of(app).healthy
        assert client.get("/", headers={"Who": "bob"}).status_code == 429
    assert not any("xxx" in warning for warning in warnings_in(caplog))


def test_a_key_that_is_refused_while_the_storage_is_down_does_not_keep_it_down(
    redis: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    app = limited_app("2/hour", RATELIMIT_KEY_FUNC=header_key, RATELIMIT_STORAGE_URI=redis.uri)
    client = app.test_client()
    client.get("/", headers={"Who": "bob"})
    (key,) = all_keys(redis)
    redis.kill()
    client.get("/", headers={"Who": "mallory"})
    redis.start()
    redis.command("LPUSH", key.replace("bob", "mallory"), "another strategy")
    recover(app)


@pytest.mark.parametrize("part", [65_536, 1])
def test_all_calls_of_a_request_to_a_slow_redis_have_one_deadline(
    redis: Redis, part: int, caplog: pytest.LogCaptureFixture
) -> None:
    proxy = Proxy(redis.port)
    try:
        app = limited_app("1000/minute; 2000/hour; 3000/day", RATELIMIT_STORAGE_URI=proxy.uri)
        client = app.test_client()
        client.get("/")
        proxy.part, proxy.delay = part, TIME_OUT * 0.8
        for expected in (2 * TIME_OUT, 0):
            begun = time.monotonic()
            assert client.get("/").status_code == 200
            assert time.monotonic() - begun < expected + 0.2
        assert not storage_of(app).healthy
        assert len(warnings_in(caplog)) == 1
        proxy.delay = 0
        recover(app)
    finally:
        proxy.stop()


def test_a_new_connection_to_a_slow_redis_keeps_the_deadline(redis: Redis) -> None:
    proxy = Proxy(redis.port)
    proxy.delay = TIME_OUT * 0.8
    try:
        app = limited_app(RATELIMIT_STORAGE_URI=proxy.uri)
        begun = time.monotonic()
        assert app.test_client().get("/").status_code == 200
        assert time.monotonic() - begun < 2 * TIME_OUT + 0.2
    finally:
        proxy.stop()


def test_a_slow_storage_without_our_sockets_is_not_asked_after_the_deadline() -> None:
    class Slow(MemoryStorage):
        STORAGE_SCHEME = ["slow"]  # noqa: RUF012

        def incr(self, key: str, expiry: float, amount: int = 1) -> int:
            time.sleep(TIME_OUT)
            return super().incr(key, expiry, amount)

    app = limited_app("1/second; 5/minute; 9/hour", RATELIMIT_STORAGE_URI="slow://")
    begun = time.monotonic()
    assert app.test_client().get("/").status_code == 200
    assert time.monotonic() - begun < 3 * TIME_OUT
    assert not storage_of(app).healthy


def test_a_failover_by_name_is_found(tmp_path: Path, redis: Redis) -> None:
    successor = Redis(tmp_path)
    proxy = Proxy(redis.port)
    try:
        successor.start()
        app = limited_app(RATELIMIT_STORAGE_URI=proxy.uri)
        client = app.test_client()
        client.get("/")
        proxy.target = successor.port
        redis.command("REPLICAOF", "127.0.0.1", str(successor.port))
        assert client.get("/").status_code == 200
        recover(app)
        client.get("/")
        assert successor.keys()
    finally:
        proxy.stop()
        successor.kill()


def test_the_limiter_of_an_author_does_not_wait_for_a_frozen_redis(redis: Redis) -> None:
    app = Flask(__name__)
    limiter = Limiter(get_remote_address, app=app, storage_uri=redis.uri)
    ApiErrors(app)
    app.add_url_rule("/", "view", limiter.limit("1000/minute")(lambda: {}))
    does_not_wait(app, redis)


@pytest.mark.parametrize("name", ["ConnectionPool", "BlockingConnectionPool"])
def test_the_connection_pool_of_an_author_does_not_wait_for_a_frozen_redis(
    redis: Redis, name: str
) -> None:
    driver = pytest.importorskip("redis")
    pool = getattr(driver, name).from_url(redis.uri, max_connections=8, socket_timeout=60)
    app = limited_app(
        RATELIMIT_STORAGE_URI="redis://", RATELIMIT_STORAGE_OPTIONS={"connection_pool": pool}
    )
    does_not_wait(app, redis)
    assert pool.connection_kwargs["socket_timeout"] == 60, "other users of the pool keep their own"
    assert getattr(pool, "timeout", 20) == 20
    pool.disconnect()


def does_not_wait(app: Flask, redis: Redis) -> None:
    assert app.test_client().get("/").status_code == 200
    redis.freeze()
    begun = time.monotonic()
    with ThreadPoolExecutor(6) as threads:
        statuses = list(threads.map(lambda _: app.test_client().get("/").status_code, range(6)))
    assert statuses == [200] * 6
    assert time.monotonic() - begun < 1
    redis.thaw()


def header_key() -> str:
    return request.headers.get("Who", "nobody")


def all_keys(redis: Redis) -> list[str]:
    keys = redis.command("KEYS", "LIMITS:*view*")
    assert isinstance(keys, list)
    return [key.decode() for key in keys]


# -- other storages


def test_a_redis_behind_sentinels_is_found_and_guarded(tmp_path: Path, redis: Redis) -> None:
    settings = tmp_path / "sentinel.conf"
    port = free_port()
    settings.write_text(
        f"port {port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 {redis.port} 1\n"
    )
    sentinel = Redis(tmp_path)
    sentinel.port = port
    sentinel._arguments = [sentinel._arguments[0], str(settings), "--sentinel"]
    try:
        sentinel.start()
        app = limited_app("2/hour", RATELIMIT_STORAGE_URI=f"redis+sentinel://127.0.0.1:{port}/main")
        client = app.test_client()
        assert [client.get("/").status_code for _ in range(3)] == [200, 200, 429]
        assert redis.keys()
        assert storage_of(app).healthy
        sentinel.freeze()
        redis.freeze()
        begun = time.monotonic()
        assert client.get("/").status_code == 200
        assert time.monotonic() - begun < PATIENCE
    finally:
        redis.thaw()
        sentinel.kill()


def test_a_redis_cluster_may_be_down_at_the_start(tmp_path: Path) -> None:
    node = Redis(tmp_path, "--cluster-enabled", "yes")
    app = limited_app("2/hour", RATELIMIT_STORAGE_URI=f"redis+cluster://127.0.0.1:{node.port}")
    client = app.test_client()
    assert [client.get("/").status_code for _ in range(3)] == [200, 200, 429]
    try:
        node.start()
        node.command("CLUSTER", "ADDSLOTS", *map(str, range(16_384)))
        recover(app)
        assert [client.get("/").status_code for _ in range(3)][2] == 429
        assert node.keys()
    finally:
        node.kill()


@contextmanager
def memcached() -> Iterator[Server]:
    server = Server(memcached_program(), "-l", "127.0.0.1", "-p", "{port}", "-u", "nobody")
    try:
        server.start()
        yield server
    finally:
        server.kill()


def test_memcached_counts_and_falls_back() -> None:
    pytest.importorskip("pymemcache")
    with memcached() as server:
        app = limited_app("2/hour", RATELIMIT_STORAGE_URI=f"memcached://127.0.0.1:{server.port}")
        client = app.test_client()
        answers = [client.get("/") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert 3590 <= int(answers[2].headers["Retry-After"]) <= 3600
        server.kill()
        assert [client.get("/").status_code for _ in range(3)] == [200, 200, 429]
        server.start()
        recover(app)


def test_a_frozen_memcached_delays_no_request_for_longer_than_the_deadline() -> None:
    pytest.importorskip("pymemcache")
    with memcached() as server:
        app = limited_app(
            "1/second; 5/minute; 9/hour",
            RATELIMIT_STORAGE_URI=f"memcached://127.0.0.1:{server.port}",
        )
        client = app.test_client()
        client.get("/")
        server.freeze()
        begun = time.monotonic()
        assert client.get("/").status_code in (200, 429)
        assert time.monotonic() - begun < 1
        server.thaw()
        recover(app)
        with pytest.raises(NotImplementedError):
            storage_of(app).reset()


def test_one_frozen_node_of_a_cluster_is_not_looked_for_by_requests(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nodes = [
        Redis(tmp_path, "--cluster-enabled", "yes", "--cluster-config-file", f"{number}.conf")
        for number in range(3)
    ]
    try:
        for number, node in enumerate(nodes):
            node.start()
            first, last = number * 16_384 // 3, (number + 1) * 16_384 // 3
            node.command("CLUSTER", "ADDSLOTS", *map(str, range(first, last)))
            node.command("CLUSTER", "MEET", "127.0.0.1", str(nodes[0].port))
        wait_until(lambda: all(is_cluster(node) for node in nodes), "the nodes to meet")
        app = limited_app(
            RATELIMIT_KEY_FUNC=header_key,
            RATELIMIT_STORAGE_URI=f"redis+cluster://127.0.0.1:{nodes[0].port}",
        )
        client = app.test_client()

        def slowest() -> float:
            seconds = []
            for number in range(12):
                begun = time.monotonic()
                assert client.get("/", headers={"Who": str(number)}).status_code == 200
                seconds.append(time.monotonic() - begun)
            return max(seconds)

        slowest()
        assert storage_of(app).healthy
        nodes[2].freeze()
        assert slowest() < 1
        end = time.monotonic() + 2.5 * PROBE_INTERVAL
        while time.monotonic() < end:
            assert slowest() < TIME_OUT
        assert len(warnings_in(caplog)) == 1
        nodes[2].thaw()
    finally:
        for node in nodes:
            node.kill()


def is_cluster(node: Redis) -> bool:
    return "cluster_state:ok" in str(node.command("CLUSTER", "INFO")) and (
        "cluster_known_nodes:3" in str(node.command("CLUSTER", "INFO"))
    )


def test_a_strategy_that_the_storage_does_not_support_fails_at_start() -> None:
    pytest.importorskip("pymemcache")
    with pytest.raises(
        ValueError, match="RATELIMIT_STRATEGY = 'moving-window' needs another storage"
    ):
        limited_app(
            RATELIMIT_STORAGE_URI="memcached://127.0.0.1:1",
            RATELIMIT_STRATEGY="moving-window",
            RATELIMIT_DEFAULT="1/hour",
        )


# -- several processes


def test_limits_are_exact_across_workers(redis: Redis, gunicorn: Callable[..., Gunicorn]) -> None:
    server = gunicorn(limit="31/hour", **patient(redis))
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: server.get()[0], range(120)))
    assert (statuses.count(200), statuses.count(429)) == (30, 90), (
        "the first request checked that the server is up"
    )


def test_under_load_a_restart_of_redis_loses_no_request(
    redis: Redis, gunicorn: Callable[..., Gunicorn]
) -> None:
    server = gunicorn(RATELIMIT_STORAGE_URI=redis.uri)
    with Load(server) as load:
        time.sleep(1)
        redis.kill()
        time.sleep(2)
        redis.start()
        wait_until(lambda: bool(redis.keys()), "the limits to be counted in Redis again")
        redis.restart()
        time.sleep(1)
    survived(load, server)


def test_under_load_a_frozen_redis_loses_no_request(
    redis: Redis, gunicorn: Callable[..., Gunicorn]
) -> None:
    server = gunicorn(RATELIMIT_STORAGE_URI=redis.uri)
    with Load(server) as load:
        time.sleep(1)
        redis.freeze()
        time.sleep(3)
        redis.thaw()
        wait_until(lambda: "is back" in server.log, "the workers to notice")
    survived(load, server)


def test_under_load_a_late_redis_that_answers_errors_loses_no_request(
    redis: Redis, gunicorn: Callable[..., Gunicorn]
) -> None:
    redis.kill()
    server = gunicorn(RATELIMIT_STORAGE_URI=redis.uri)
    with Load(server) as load:
        time.sleep(1)
        redis.start()
        wait_until(lambda: bool(redis.keys()), "the limits to be counted in Redis")
        redis.command("CONFIG", "SET", "maxmemory", "1")
        time.sleep(2)
        redis.command("CONFIG", "SET", "maxmemory", "0")
        time.sleep(1)
    survived(load, server)


def survived(load: Load, server: Gunicorn) -> None:
    print(load.figures())
    assert load.sent > 100
    assert load.lost == 0
    assert set(load.statuses) == {200}, load.figures()
    assert max(load.seconds) < PATIENCE, load.figures()
    assert "Traceback" not in server.log


@pytest.mark.parametrize("fallback", [True, False])
def test_the_counters_of_a_guarded_storage_can_be_forgotten(fallback: bool) -> None:
    storage = GuardedStorage("memory://", fallback=fallback)
    window = SlidingWindowCounterRateLimiter(storage)
    item = parse("1/minute")
    assert [window.hit(item, "a"), window.hit(item, "a")] == [True, False]
    window.clear(item, "a")
    assert window.hit(item, "a")
    storage.incr("b", 60)
    storage.reset()
    assert storage.get("b") == 0
    assert window.hit(item, "a")


def test_while_a_prober_waits_no_other_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit_storage, "PROBE_INTERVAL", 0.0)
    asked: list[str] = []
    gate = threading.Event()

    class Stuck(MemoryStorage):
        STORAGE_SCHEME = ["stuck"]  # noqa: RUF012

        def incr(self, key: str, expiry: float, amount: int = 1) -> int:
            asked.append(key)
            if len(asked) > 3:
                gate.wait(30)
            raise ConnectionError

    storage = GuardedStorage("stuck://")
    assert [storage.incr("key", 60) for _ in range(2)] == [1, 2]
    wait_until(lambda: len(asked) == 4, "a prober")
    assert [storage.incr("key", 60) for _ in range(5)] == [3, 4, 5, 6, 7]
    gate.set()
    assert len(asked) == 4
    assert not storage.healthy
