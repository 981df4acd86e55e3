"""What every benchmark shares: requests without a server, interleaved rounds, medians of per-round ratios.

The machine is never quiet, so only the time of the thread on a CPU counts, contenders take turns within each round, a
ratio is taken within a round, and the answer is the median of the rounds. Two copies of one app (the A/A control) show
what is left of the noise.
"""

from __future__ import annotations

import gc
import io
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from random import Random
from statistics import quantiles
from time import thread_time
from typing import Any, NamedTuple

WsgiApp = Callable[..., Iterable[bytes]]
Call = Callable[[], object]


class Request(NamedTuple):
    """One request: what a client sends."""

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = {}
    body: bytes = b""

    def environ(self) -> dict[str, Any]:
        """The WSGI environ of it, less ``wsgi.input``."""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": self.path,
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "localhost",
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
        }
        if self.body:
            environ["CONTENT_LENGTH"] = str(len(self.body))
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        return environ


class Answer(NamedTuple):
    """One answer, as a server would send it."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def ask(app: WsgiApp, request: Request) -> Answer:
    """The answer of an app to a request."""
    started: list[Any] = []
    environ = request.environ() | {"wsgi.input": io.BytesIO(request.body)}
    chunks = app(environ, lambda status, headers, exc_info=None: started.append((status, headers)))
    body = b"".join(chunks)
    _close(chunks)
    status, headers = started[-1]
    return Answer(int(status[:3]), tuple(headers), body)


def caller(app: WsgiApp, request: Request) -> Call:
    """A function that sends a request to an app and drops the answer, as cheaply as that can be done."""
    environ = request.environ()
    body = request.body

    def call() -> None:
        chunks = app(environ | {"wsgi.input": io.BytesIO(body)}, _start_response)
        for _ in chunks:
            pass
        _close(chunks)

    return call


def _start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
    pass


def _close(chunks: Iterable[bytes]) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()


class Spread(NamedTuple):
    """The quartiles of the rounds."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        low, median, high = quantiles(values, n=4, method="inclusive")
        return cls(low, median, high)


class Rounds(dict[str, list[float]]):
    """Seconds a call, for each contender in each round."""

    def ratio(self, name: str, base: str) -> Spread:
        """How many times as long as ``base``."""
        return Spread.of(own / other for own, other in zip(self[name], self[base], strict=True))

    def microseconds_over(self, name: str, base: str) -> Spread:
        """How many microseconds longer than ``base``."""
        return Spread.of(
            (own - other) * 1e6 for own, other in zip(self[name], self[base], strict=True)
        )

    def microseconds(self, name: str) -> Spread:
        """How many microseconds a call."""
        return Spread.of(own * 1e6 for own in self[name])


def race(calls: Mapping[str, Call], rounds: int, slice_seconds: float = 0.008) -> Rounds:
    """Time the contenders in turn: in another order in each round, and each with the same number of calls.

    :param slice_seconds: How long the first contender's part of a round takes.
    """
    names = list(calls)
    for call in calls.values():
        _warm_up(call)
    count = max(1, round(slice_seconds / _seconds(calls[names[0]], 5)))
    times = Rounds({name: [] for name in names})
    gc.collect()
    gc.freeze()
    order = Random(1)
    for _ in range(rounds):
        for name in order.sample(names, len(names)):
            _seconds(
                calls[name], count // 4 or 1
            )  # the interpreter still runs what it specialised for the one before
            times[name].append(_seconds(calls[name], count))
    gc.unfreeze()
    return times


def _warm_up(call: Call) -> None:
    """Caches are filled, bytecode is specialised."""
    end = thread_time() + 0.05
    call()
    while thread_time() < end:
        call()


def _seconds(call: Call, count: int) -> float:
    start = thread_time()
    for _ in range(count):
        call()
    return (thread_time() - start) / count


def quiet(app: Any) -> Any:
    """An app whose log records are made but written nowhere: what formats a traceback is nobody's error handler."""
    logger = logging.getLogger(app.name)
    logger.handlers[:] = [logging.NullHandler()]
    logger.propagate = False
    return app


def markdown(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table, its columns aligned."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    cells = [
        [cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines
    ]
    rule = ["-" * width for width in widths]
    return "\n".join(f"| {' | '.join(line)} |" for line in [cells[0], rule, *cells[1:]])
