"""The same order over HTTP: gunicorn with one worker, loaded by ``wrk`` if there is one, else from Python threads.

What is measured is the CPU time that the worker spends on a request: requests a second would be those of a machine which
runs the load, and whatever else, beside the server.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from .common import Request, Rounds, quiet
from .paths import PATHS

CONTENDERS = {
    "floor": "floor",
    "Flask docs": "flask_docs",
    "flask-smorest": "smorest",
    "APIFlask": "apiflask_app",
    "flask_apierrors": "apierrors",
}
_NAMES = ("success", "unknown", "abort", "403", "406")
_CONNECTIONS = 4
_TURNS = 5


def application(module: str) -> Any:
    """What gunicorn loads: the app of a contender."""
    return quiet(import_module(f"benchmarks.contenders.{module}").create_app())


def run(seconds: int) -> list[tuple[str, ...]]:
    """A row for each path: the servers are loaded in turn; medians of the turns, and of the ratios within a turn."""
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(_server(module)) for name, module in CONTENDERS.items()
        }
        return [
            _row(path.title, path.request, servers, seconds)
            for path in PATHS
            if path.name in _NAMES
        ]


def _row(
    title: str, request: Request, servers: dict[str, tuple[int, list[int]]], seconds: int
) -> tuple[str, ...]:
    costs = Rounds({name: [] for name in servers})
    for _ in range(_TURNS):
        for name, (port, workers) in servers.items():
            before = _cpu_seconds(workers)
            requests = _load(port, request, seconds)
            costs[name].append((_cpu_seconds(workers) - before) / requests)
    return (
        title,
        *(
            f"{costs.microseconds(name).median:.0f} µs ({costs.ratio(name, 'floor').median:.2f})"
            for name in costs
        ),
    )


def _cpu_seconds(workers: list[int]) -> float:
    """What these processes have spent, in user mode and in the kernel."""
    fields = [
        Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split() for worker in workers
    ]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _server(module: str) -> Iterator[tuple[int, list[int]]]:
    options = [
        "--bind",
        "127.0.0.1:0",
        "--workers",
        "1",
        "--worker-class",
        "gthread",
        "--threads",
        "1",
    ]
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        *options,
        f"benchmarks.over_http:application({module!r})",
    ]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        port = _port_of(server)
        _load(port, Request("/ok"), 1)  # there is a worker when it has answered
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text()
        yield port, [int(child) for child in children.split()]
    finally:
        server.terminate()
        server.wait(10)


def _port_of(server: subprocess.Popen[str]) -> int:
    assert server.stderr is not None
    for line in server.stderr:
        found = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", line)
        if found:
            threading.Thread(target=server.stderr.read, daemon=True).start()
            return int(found[1])
    raise RuntimeError("gunicorn did not start")


def _load(port: int, request: Request, seconds: int) -> int:
    """Requests that were answered."""
    return (
        _load_by_wrk(port, request, seconds)
        if shutil.which("wrk")
        else _load_by_threads(port, request, seconds)
    )


def _load_by_wrk(port: int, request: Request, seconds: int) -> int:
    headers = [
        part for name, value in request.headers.items() for part in ("-H", f"{name}: {value}")
    ]
    command = [
        "wrk",
        "-t1",
        f"-c{_CONNECTIONS}",
        f"-d{seconds}s",
        *headers,
        f"http://127.0.0.1:{port}{request.path}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 30)
    found = re.search(r"(\d+) requests in", done.stdout)
    assert found is not None, done.stdout
    return int(found[1])


def _load_by_threads(port: int, request: Request, seconds: int) -> int:
    counts = [0] * _CONNECTIONS
    end = time.monotonic() + seconds

    def send(index: int) -> None:
        while time.monotonic() < end:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request(request.method, request.path, headers=dict(request.headers))
            connection.getresponse().read()
            connection.close()
            counts[index] += 1

    threads = [threading.Thread(target=send, args=(index,)) for index in range(_CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts)
