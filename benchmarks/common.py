"""What the benchmarks share: requests without a server, and rounds in which contenders take turns.

No machine is quiet. So the benchmarks count only the CPU time of the thread. The contenders take
turns within each round, ratios are taken within a round, and the result is the median of the
rounds. Two copies of one app (an A/A control) show the remaining noise.
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
#: Returns seconds: ``thread_time``, or ``perf_counter`` where waiting counts.
Clock = Callable[[], float]


class Request(NamedTuple):
    """What a client sends."""

    path: str
    method: str = "GET"
    headers: Mapping[str, str] = {}
    body: bytes = b""

    def environ(self) -> dict[str, Any]:
        """Return the WSGI environ, without ``wsgi.input``."""
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
    """What a server would send."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def ask(app: WsgiApp, request: Request) -> Answer:
    """Send a request to an app and return the answer."""
    started: list[Any] = []
    environ = request.environ() | {"wsgi.input": io.BytesIO(request.body)}
    chunks = app(environ, lambda status, headers, exc_info=None: started.append((status, headers)))
    body = b"".join(chunks)
    _close(chunks)
    status, headers = started[-1]
    return Answer(int(status[:3]), tuple(headers), body)


def caller(app: WsgiApp, request: Request) -> Call:
    """Return a function that sends a request to an app and drops the answer, at little cost."""
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
    """Seconds per call, for each contender in each round."""

    def ratio(self, name: str, base: str) -> Spread:
        """Return how many times as long as ``base`` a call takes."""
        return Spread.of(a / b for a, b in zip(self[name], self[base], strict=True))

    def microseconds_over(self, name: str, base: str) -> Spread:
        """Return how many microseconds longer than ``base`` a call takes."""
        return Spread.of((a - b) * 1e6 for a, b in zip(self[name], self[base], strict=True))

    def microseconds(self, name: str) -> Spread:
        """Return how many microseconds a call takes."""
        return Spread.of(own * 1e6 for own in self[name])


def race(
    calls: Mapping[str, Call],
    rounds: int,
    slice_seconds: float = 0.008,
    clock: Clock = thread_time,
) -> Rounds:
    """Time the contenders in turn, in a random order and with the same number of calls each.

    :param slice_seconds: How long the first contender takes in a round.
    :param clock: ``perf_counter`` if a contender waits for another process.
    """
    names = list(calls)
    for call in calls.values():
        _warm_up(call)
    count = max(1, round(slice_seconds / _seconds_per_call(calls[names[0]], 5, clock)))
    times = Rounds({name: [] for name in names})
    gc.collect()
    gc.freeze()
    order = Random(1)
    for _ in range(rounds):
        for name in order.sample(names, len(names)):
            # The bytecode is still specialized for the previous contender.
            _seconds_per_call(calls[name], count // 4 or 1, clock)
            times[name].append(_seconds_per_call(calls[name], count, clock))
    gc.unfreeze()
    return times


def _warm_up(call: Call) -> None:
    """Fill the caches and let the interpreter specialize the bytecode."""
    end = thread_time() + 0.05
    call()
    while thread_time() < end:
        call()


def _seconds_per_call(call: Call, count: int, clock: Clock) -> float:
    start = clock()
    for _ in range(count):
        call()
    return (clock() - start) / count


def quiet(app: Any) -> Any:
    """Make an app create log records but write none, because formatting them isn't compared."""
    logger = logging.getLogger(app.name)
    logger.handlers[:] = [logging.NullHandler()]
    logger.propagate = False
    return app


def markdown(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a Markdown table with aligned columns."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    cells = [
        [cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines
    ]
    rule = ["-" * width for width in widths]
    return "\n".join(f"| {' | '.join(line)} |" for line in [cells[0], rule, *cells[1:]])
