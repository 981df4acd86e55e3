"""The store: SQLite, filled at the first start, with one connection per request."""

from __future__ import annotations

import math
import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timezone
from itertools import product
from pathlib import Path
from typing import NamedTuple

from flask import Flask, current_app, g

SCHEMA = """
CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, unit TEXT NOT NULL);
CREATE TABLE measurements (
    series_id INTEGER NOT NULL REFERENCES series, time INTEGER NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (series_id, time)
) WITHOUT ROWID;
CREATE TABLE annotations (
    id TEXT PRIMARY KEY, series TEXT NOT NULL, time INTEGER NOT NULL,
    author TEXT NOT NULL, text TEXT NOT NULL
);
"""
VESSELS = ("aurora", "borealis", "calypso", "dorado", "esperanza")
#: Domain, quantity, unit, mean, amplitude.
QUANTITIES = (
    ("navigation", "speed", "kn", 14.0, 4.0),
    ("navigation", "heading", "deg", 180.0, 90.0),
    ("navigation", "draught", "m", 9.5, 0.4),
    ("engine", "port/rpm", "1/min", 96.0, 18.0),
    ("engine", "port/temperature", "degC", 84.0, 6.0),
    ("engine", "starboard/rpm", "1/min", 96.0, 18.0),
    ("engine", "starboard/temperature", "degC", 84.0, 6.0),
    ("weather", "wind/speed", "m/s", 9.0, 7.0),
    ("weather", "wind/direction", "deg", 200.0, 120.0),
    ("weather", "air/temperature", "degC", 11.0, 5.0),
)
START = int(datetime(2025, 5, 20, tzinfo=timezone.utc).timestamp())
STEP = 600  # seconds
STEPS = 7 * 24 * 3_600 // STEP


class Series(NamedTuple):
    id: int
    name: str
    unit: str


def init_app(app: Flask) -> None:
    path = Path(app.config["DATABASE"])
    if not path.exists():
        create(path)
    app.teardown_appcontext(close)


def connection() -> sqlite3.Connection:
    """Return the connection of this request. It doesn't create a missing store.

    :raises sqlite3.DatabaseError: If the store is missing or unreadable.
    """
    if "connection" not in g:
        uri = Path(current_app.config["DATABASE"]).absolute().as_uri()
        g.connection = sqlite3.connect(f"{uri}?mode=rw", uri=True, timeout=1)
    current: sqlite3.Connection = g.connection
    return current


def close(_: object) -> None:
    if "connection" in g:
        g.pop("connection").close()


def matching_series(domain: str, expression: str) -> list[Series]:
    """Return the series whose names match. A ``*`` matches one level of a name."""
    patterns = [domain, *expression.split("/")]
    rows = connection().execute("SELECT id, name, unit FROM series ORDER BY name")
    return [series for series in map(Series._make, rows) if matches(series.name, patterns)]


def matches(name: str, patterns: list[str]) -> bool:
    levels = name.split("/")
    return len(levels) == len(patterns) and all(
        pattern in ("*", level) for level, pattern in zip(levels, patterns, strict=True)
    )


def create(path: Path) -> None:
    """Fill a new store. It gets its name last, so that an interrupted start leaves no store."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(unfinished)) as store, store:
        store.executescript(SCHEMA)
        for number, (vessel, (domain, quantity, unit, mean, amplitude)) in enumerate(
            product(VESSELS, QUANTITIES), 1
        ):
            store.execute(
                "INSERT INTO series VALUES (?, ?, ?)",
                (number, f"{domain}/{vessel}/{quantity}", unit),
            )
            store.executemany(
                f"INSERT INTO measurements VALUES ({number}, ?, ?)",  # noqa: S608
                values(number, mean, amplitude),
            )
    unfinished.replace(path)


def values(seed: int, mean: float, amplitude: float) -> Iterator[tuple[int, float]]:
    """Yield one week of a series: a daily cycle and some noise, the same at each start."""
    noise = random.Random(seed)  # noqa: S311
    for step in range(STEPS):
        angle = 2 * math.pi * (step * STEP / 86_400 + seed / 7)
        yield (
            START + step * STEP,
            round(mean + amplitude * (0.8 * math.sin(angle) + noise.uniform(-0.2, 0.2)), 2),
        )
