"""The drivers of the storages: short time-outs, and sockets that keep the deadline of a request.

A driver's time-out is for one operation of a socket. A new connection takes several, and a slow
server can send its answer byte by byte, so a deadline bounds them all. The sockets check it,
because a thread that makes the calls would double the time of each.
"""

from __future__ import annotations

import copy
import math
import socket
import threading
import time
from functools import cache
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from limits.storage import Storage, storage_from_string

#: Seconds that a request waits for a connection, or for one answer.
TIME_OUT = 0.4
#: The option of a driver with the time for one answer, and how many of its units are a second.
_TIME_OUT_OPTIONS = {"memcached": ("timeout", 1), "mongodb": ("timeoutMS", 1000)}
#: The operations of a socket that wait.
_WAITING = frozenset({"connect", "sendall", "recv", "recv_into"})


class Deadline(threading.local):
    """The time until which this thread waits for a storage, in seconds of the monotonic clock."""

    at = math.inf

    def left(self, most: float | None = None) -> float | None:
        """Return the seconds until the deadline, or ``most`` if that is less.

        :param most: Seconds, or ``None`` for any time.
        :raises TimeoutError: if the deadline has passed.
        """
        if self.at == math.inf:
            return most
        seconds = self.at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the storage is too slow")
        return seconds if most is None else min(seconds, most)


DEADLINE = Deadline()


class BoundedSocket:
    """A socket that waits as long as its driver allows, but not past the deadline."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._time_out = sock.gettimeout()

    def __getattr__(self, name: str) -> Any:
        if name in _WAITING:
            self._socket.settimeout(DEADLINE.left(self._time_out))
        return getattr(self._socket, name)

    def settimeout(self, seconds: float | None) -> None:
        """Set how long an operation may take. The deadline can shorten that."""
        self._time_out = seconds


class BoundedSockets:
    """Stands in for the module ``socket``. Its sockets keep the deadline."""

    def __getattr__(self, name: str) -> Any:
        return getattr(socket, name)

    def socket(self, *args: Any) -> BoundedSocket:
        """Make a socket."""
        return BoundedSocket(socket.socket(*args))


def connect(uri: str, options: dict[str, Any]) -> Storage:
    """Make a storage with new connections. Most storages connect when they are first used.

    :param options: Options of the driver. They replace the short default time-outs.
    :raises ConfigurationError: for an unknown storage.
    :raises ImportError: for a driver that is not installed.
    """
    defaults = default_options(urlsplit(uri).scheme)
    options = defaults | options
    if "connection_pool" in options:
        # Its author may use the pool for something else.
        pool = options["connection_pool"] = copy.copy(options["connection_pool"])
        ours = {name: options[name] for name in defaults}
        pool.connection_kwargs = pool.connection_kwargs | ours
        if hasattr(pool, "timeout"):  # of a BlockingConnectionPool
            pool.timeout = options["socket_timeout"]
    storage = storage_from_string(uri, **options)
    assert isinstance(storage, Storage)
    for pool in _pools(storage):
        pool.connection_class = _bounded(pool.connection_class)
        pool.reset()
    return storage


def time_out(uri: str, options: dict[str, Any]) -> float:
    """Return the seconds that one answer of a storage may take."""
    parts = urlsplit(uri)
    name, unit = _TIME_OUT_OPTIONS.get(parts.scheme, ("socket_timeout", 1))
    value: Any = {name: TIME_OUT * unit, **dict(parse_qsl(parts.query)), **options}[name]
    return math.inf if value is None else float(value) / unit


def default_options(scheme: str) -> dict[str, Any]:
    """Return options for short time-outs and no retries, by the names that the driver uses."""
    driver, _, kind = scheme.partition("+")
    if driver == "memcached":
        sockets = BoundedSockets()
        return {"connect_timeout": TIME_OUT, "timeout": TIME_OUT, "socket_module": sockets}
    if driver == "mongodb":
        return {"timeoutMS": int(TIME_OUT * 1000)}  # for all that one call takes
    if driver not in ("redis", "rediss", "valkey", "valkeys"):
        return {}
    module = "valkey" if driver.startswith("valkey") else "redis"
    no_pause = import_module(f"{module}.backoff").NoBackoff()
    # A cluster needs a second attempt when a slot has moved to another node.
    retry = import_module(f"{module}.retry").Retry(no_pause, int(kind == "cluster"))
    options = {"socket_timeout": TIME_OUT, "socket_connect_timeout": TIME_OUT, "retry": retry}
    return options | {"sentinel_kwargs": options} if kind == "sentinel" else options


def _pools(storage: Any) -> list[Any]:
    """Return the connection pools of a storage. Only Redis and Valkey have some."""
    client: Any = getattr(storage, "storage", None)
    clients = [client]
    if hasattr(client, "get_nodes"):  # a cluster
        name = f"{storage.target_server}_connection"
        clients = [getattr(node, name) for node in client.get_nodes()]
    if hasattr(storage, "sentinel"):
        clients += [storage.storage_slave, *storage.sentinel.sentinels]
    return [each.connection_pool for each in clients if hasattr(each, "connection_pool")]


@cache
def _bounded(connection_class: type[Any]) -> type[Any]:
    """Return a class of connections whose sockets keep the deadline."""

    class Bounded(connection_class):  # type: ignore[misc]
        socket_connect_timeout: float | None

        def _connect(self) -> BoundedSocket:
            seconds = self.socket_connect_timeout
            self.socket_connect_timeout = DEADLINE.left(seconds)
            try:
                return BoundedSocket(super()._connect())
            finally:
                self.socket_connect_timeout = seconds

    return Bounded
