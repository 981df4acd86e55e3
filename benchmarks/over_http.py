"""Compare the contenders over HTTP: gunicorn with one worker, loaded by ``wrk`` or by threads.

The benchmark measures the CPU time of the worker per request. The clients run on the same machine,
so the number of requests per second says little.
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
    """Make the app of a contender, for gunicorn."""
    return quiet(import_module(f"benchmarks.contenders.{module}").create_app())


def run(seconds: int) -> list[tuple[str, ...]]:
    """Return a row per request: the medians of the turns, and of the ratios within a turn."""
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
    """Return the CPU time of these processes, in user mode and in the kernel."""
    stats = [
        Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split() for worker in workers
    ]
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _server(module: str) -> Iterator[tuple[int, list[int]]]:
    options = ["--bind=127.0.0.1:0", "--workers=1", "--worker-class=gthread", "--threads=1"]
    application = f"benchmarks.over_http:application({module!r})"
    command = [sys.executable, "-m", "gunicorn", *options, application]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        port = _port_of(server)
        _load(port, Request("/ok"), 1)  # After an answer, the worker exists.
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text()
        yield port, [int(child) for child in children.split()]
    finally:
        server.terminate()
        server.wait(10)


def _port_of(server: subprocess.Popen[str]) -> int:
    assert server.stderr is not None
    for line in server.stderr:
        listening = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", line)
        if listening:
            threading.Thread(target=server.stderr.read, daemon=True).start()
            return int(listening[1])
    raise RuntimeError("gunicorn did not start")


def _load(port: int, request: Request, seconds: int) -> int:
    """Send requests, and return how many were answered."""
    load = _load_by_wrk if shutil.which("wrk") else _load_by_threads
    return load(port, request, seconds)


def _load_by_wrk(port: int, request: Request, seconds: int) -> int:
    headers = [
        part for name, value in request.headers.items() for part in ("-H", f"{name}: {value}")
    ]
    url = f"http://127.0.0.1:{port}{request.path}"
    command = ["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}s", *headers, url]
    output = subprocess.check_output(command, text=True, timeout=seconds + 30)
    summary = re.search(r"(\d+) requests in", output)
    assert summary is not None, output
    return int(summary[1])


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
