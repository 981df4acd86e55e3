"""Promises of the drivers: short time-outs by their names, and a deadline for every socket."""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Iterator

import pytest

from flask_apierrors._limits.drivers import (
    DEADLINE,
    TIME_OUT,
    BoundedSocket,
    BoundedSockets,
    connect,
    default_options,
    time_out,
)


@pytest.fixture
def pair() -> Iterator[tuple[BoundedSocket, socket.socket]]:
    near, far = socket.socketpair()
    with near, far:
        yield BoundedSocket(near), far
    DEADLINE.at = math.inf


@pytest.mark.parametrize(
    "scheme",
    ["redis", "rediss", "redis+unix", "redis+sentinel", "redis+cluster", "memcached", "mongodb"],
)
def test_each_driver_gets_time_outs_by_its_own_names(scheme: str) -> None:
    values = default_options(scheme).values()
    assert TIME_OUT in values or int(TIME_OUT * 1000) in values


def test_an_unknown_driver_gets_no_options() -> None:
    assert default_options("etcd") == {}


@pytest.mark.parametrize(
    ("uri", "options", "seconds"),
    [
        ("redis://host", {}, TIME_OUT),
        ("redis://host", {"socket_timeout": 2}, 2),
        ("redis://host?socket_timeout=3&db=1", {}, 3),
        ("redis://host", {"socket_timeout": None}, math.inf),
        ("memcached://host", {"timeout": 4}, 4),
        ("mongodb://host", {"timeoutMS": 500}, 0.5),
        ("mongodb://host", {}, TIME_OUT),
    ],
)
def test_the_time_out_of_the_administrator_counts(
    uri: str, options: dict[str, object], seconds: float
) -> None:
    assert time_out(uri, options) == seconds


def test_a_socket_without_a_deadline_keeps_the_time_out_of_its_driver(
    pair: tuple[BoundedSocket, socket.socket],
) -> None:
    near, far = pair
    near.settimeout(0.05)
    begun = time.monotonic()
    with pytest.raises(TimeoutError):
        near.recv(1)
    assert time.monotonic() - begun >= 0.05
    near.settimeout(None)
    far.sendall(b"ab")
    assert near.recv(1) == b"a"
    near.sendall(b"c")
    assert far.recv(1) == b"c"


def test_the_deadline_bounds_all_operations_together(
    pair: tuple[BoundedSocket, socket.socket],
) -> None:
    near, far = pair
    begun = time.monotonic()
    DEADLINE.at = begun + 0.15
    near.settimeout(0.1)
    buffer = bytearray(1)
    far.sendall(b"a")
    assert near.recv_into(buffer) == 1
    for _ in range(3):
        with pytest.raises(TimeoutError):
            near.recv(1)
    assert time.monotonic() - begun < 0.25
    near.settimeout(0)
    DEADLINE.at = time.monotonic() + 60
    with pytest.raises(BlockingIOError):
        near.recv(1)


def test_a_connection_is_not_begun_after_the_deadline() -> None:
    sockets = BoundedSockets()
    with socket.create_server(("127.0.0.1", 0)) as server:
        sock = sockets.socket(sockets.AF_INET, sockets.SOCK_STREAM)
        DEADLINE.at = time.monotonic() - 1
        with pytest.raises(TimeoutError, match="too slow"):
            sock.connect(server.getsockname())
        DEADLINE.at = math.inf
        sock.connect(server.getsockname())
        sock.close()


def test_the_driver_gets_the_options_of_the_administrator() -> None:
    pytest.importorskip("redis")
    storage = connect("redis://127.0.0.1:1", {"socket_timeout": 2})
    options = storage.storage.connection_pool.connection_kwargs  # type: ignore[attr-defined]
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (2, TIME_OUT)
    assert options["retry"].get_retries() == 0
