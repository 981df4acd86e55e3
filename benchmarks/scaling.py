"""Measure how the time and size of an answer grow with the number of errors in a request."""

from __future__ import annotations

import json
from typing import Any

from .common import Request, ask, caller, race

_COUNTS = (10, 100, 1_000, 10_000)


def run(floor: Any, app: Any, rounds: int) -> list[tuple[str, ...]]:
    """Return a row per number of bad items: time, ratio to bare Flask, and the sizes."""
    rows = []
    for count in _COUNTS:
        body = json.dumps({"items": [{"limit": "many"}] * count}).encode()
        request = Request("/many-items", "POST", {"Content-Type": "application/json"}, body)
        times = race(
            {"floor": caller(floor.wsgi_app, request), "own": caller(app.wsgi_app, request)},
            max(5, rounds // 4 if count < 10_000 else 5),
        )
        own, ratio = times.microseconds("own").median, times.ratio("own", "floor").median
        sizes = (f"{len(ask(contender.wsgi_app, request).body):,} B" for contender in (floor, app))
        rows.append(
            (f"{count:,}", f"{own / 1e3:.2f} ms", f"{own / count:.1f} µs", f"{ratio:.2f}", *sizes)
        )
    return rows
