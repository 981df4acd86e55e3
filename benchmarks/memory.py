"""What stays in memory after errors whose paths, tokens and headers all differ."""

from __future__ import annotations

import gc
import os
import tracemalloc
from typing import Any

from flask_apierrors._core.accept import BoundedMemo

from .common import Request, caller

_PAGE = os.sysconf("SC_PAGE_SIZE")


def run(app: Any, errors: int) -> list[tuple[str, ...]]:
    """Rows of what was measured: growth after a warm-up of a tenth, and the largest memo."""
    send(app, errors // 10, "warm-up")
    before = resident()
    send(app, errors, "measured")
    grown = resident() - before
    traced = _traced(app, errors // 10)
    memos = [memo for memo in gc.get_objects() if isinstance(memo, BoundedMemo)]
    entries = max((len(memo) for memo in memos), default=0)
    longest = max((len(key) for memo in memos for key in memo), default=0)
    return [
        (f"resident memory after {errors:,} errors", f"{grown / 1024:+,.0f} KiB"),
        (f"Python's own allocations after {errors // 10:,} more", f"{traced / 1024:+,.1f} KiB"),
        ("most entries in a memo", str(entries)),
        ("longest key in a memo", f"{longest} characters"),
    ]


def _traced(app: Any, errors: int) -> int:
    gc.collect()
    tracemalloc.start()
    send(app, errors // 10, "first traced")
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    send(app, errors, "traced")
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return after - before


def resident() -> int:
    """Bytes of the process in memory, garbage collected first."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * _PAGE


def send(app: Any, errors: int, label: str) -> None:
    """Send that many requests, no two alike, of each kind of error in turn."""
    kinds = (_unknown, _rejected, _not_acceptable, _unsupported, _not_allowed)
    for number in range(errors):
        request = kinds[number % len(kinds)](f"{label.replace(' ', '-')}-{number}")
        caller(app.wsgi_app, request)()


def _unknown(text: str) -> Request:
    accept = f"application/problem+json, text/{text}"
    return Request(f"/unknown/{text}", headers={"X-Request-ID": text, "Accept": accept})


def _rejected(text: str) -> Request:
    return Request("/private", headers={"Authorization": f"Bearer {text}"})


def _not_acceptable(text: str) -> Request:
    return Request("/text-only", headers={"Accept": f"image/{text}"})


def _unsupported(text: str) -> Request:
    return Request("/json-only", "POST", {"Content-Type": f"text/{text}"}, text.encode())


def _not_allowed(text: str) -> Request:
    return Request("/ok", "POST", {"User-Agent": text, "Cookie": f"id={text}"})
