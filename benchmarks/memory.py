"""Measure what stays in memory after errors whose paths, tokens, and headers all differ."""

from __future__ import annotations

import gc
import os
import tracemalloc
from typing import Any

from flask_apierrors._core.accept import BoundedMemo

from .common import Request, caller

_PAGE = os.sysconf("SC_PAGE_SIZE")


def run(app: Any, errors: int) -> list[tuple[str, ...]]:
    """Return the rows of the table: the growth after a warm-up, and the largest memo."""
    send(app, errors // 10, "warm-up")
    before = resident()
    send(app, errors, "measured")
    growth = resident() - before
    allocations = _allocations(app, errors // 10)
    memos = [memo for memo in gc.get_objects() if isinstance(memo, BoundedMemo)]
    entries = max((len(memo) for memo in memos), default=0)
    longest = max((len(key) for memo in memos for key in memo), default=0)
    return [
        (f"resident memory after {errors:,} errors", f"{growth / 1024:+,.0f} KiB"),
        (
            f"Python's own allocations after {errors // 10:,} more",
            f"{allocations / 1024:+,.1f} KiB",
        ),
        ("most entries in a memo", str(entries)),
        ("longest key in a memo", f"{longest} characters"),
    ]


def _allocations(app: Any, errors: int) -> int:
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
    """Collect garbage, then return how many bytes of the process are in memory."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * _PAGE


def send(app: Any, errors: int, label: str) -> None:
    """Send requests that all differ, one kind of error after the other."""
    kinds = (_unknown_url, _bad_token, _bad_accept, _bad_content_type, _bad_method)
    for number in range(errors):
        request = kinds[number % len(kinds)](f"{label.replace(' ', '-')}-{number}")
        caller(app.wsgi_app, request)()


def _unknown_url(text: str) -> Request:
    accept = f"application/problem+json, text/{text}"
    return Request(f"/unknown/{text}", headers={"X-Request-ID": text, "Accept": accept})


def _bad_token(text: str) -> Request:
    return Request("/private", headers={"Authorization": f"Bearer {text}"})


def _bad_accept(text: str) -> Request:
    return Request("/text-only", headers={"Accept": f"image/{text}"})


def _bad_content_type(text: str) -> Request:
    return Request("/json-only", "POST", {"Content-Type": f"text/{text}"}, text.encode())


def _bad_method(text: str) -> Request:
    return Request("/ok", "POST", {"User-Agent": text, "Cookie": f"id={text}"})
