"""The store: SQLite, one connection a request, filled at the first start."""

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
    id TEXT PRIMARY KEY, series TEXT NOT NULL, time INTEGER NOT NULL, author TEXT NOT NULL, text TEXT NOT NULL
);
"""
VESSELS = ("aurora", "borealis", "calypso", "dorado", "esperanza")
#: Domain, quantity below the vessel, unit, mean, swing.
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
    """The connection of this request. Never makes a store that is not there.

    :raises sqlite3.DatabaseError: when there is no store, or none that can be read.
    """
    if "connection" not in g:
        uri = Path(current_app.config["DATABASE"]).absolute().as_uri()
        g.connection = sqlite3.connect(f"{uri}?mode=rw", uri=True)
    opened: sqlite3.Connection = g.connection
    return opened


def close(_: object) -> None:
    if "connection" in g:
        g.pop("connection").close()


def matching_series(domain: str, expression: str) -> list[Series]:
    """The series with this name. Level by level; a ``*`` stands for any one level."""
    wanted = [domain, *expression.split("/")]
    found = map(
        Series._make, connection().execute("SELECT id, name, unit FROM series ORDER BY name")
    )
    return [series for series in found if matches(series.name.split("/"), wanted)]


def matches(levels: list[str], wanted: list[str]) -> bool:
    return len(levels) == len(wanted) and all(
        want in ("*", level) for level, want in zip(levels, wanted, strict=True)
    )


def create(path: Path) -> None:
    """Fill a new store; it gets its name when it is whole, so that one that was interrupted is not taken for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(unfinished)) as store, store:
        store.executescript(SCHEMA)
        for number, (vessel, (domain, quantity, unit, mean, swing)) in enumerate(
            product(VESSELS, QUANTITIES), 1
        ):
            store.execute(
                "INSERT INTO series VALUES (?, ?, ?)",
                (number, f"{domain}/{vessel}/{quantity}", unit),
            )
            store.executemany(
                f"INSERT INTO measurements VALUES ({number}, ?, ?)",  # noqa: S608
                values(number, mean, swing),
            )
    unfinished.replace(path)


def values(seed: int, mean: float, swing: float) -> Iterator[tuple[int, float]]:
    """A week of one series: a daily swing and some noise, the same at each start."""
    noise = random.Random(seed)  # noqa: S311
    for step in range(STEPS):
        angle = 2 * math.pi * (step * STEP / 86_400 + seed / 7)
        yield (
            START + step * STEP,
            round(mean + swing * (0.8 * math.sin(angle) + noise.uniform(-0.2, 0.2)), 2),
        )
