"""``python -m benchmarks.rate_limits [--rounds N]``: what rate limits cost, in memory, as ratios to a bare Flask view."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, NamedTuple

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from flask_apierrors import ApiErrors, rate_limit

from .common import Request, ask, caller, markdown, quiet, race

_OK = {"a": 1}
_MANY = "100000000/hour"
_STRATEGIES = ("fixed-window", "moving-window", "sliding-window-counter")


def bare() -> Flask:
    app = Flask("bare")
    app.add_url_rule("/free", "free", lambda: _OK)
    return app


def ours(**config: Any) -> Flask:
    app = Flask("ours")
    app.config.update(config)
    ApiErrors(app)
    return _with_views(app, rate_limit)


def without_limits() -> Flask:
    """The contract, and nothing limited."""
    app = Flask("contract")
    ApiErrors(app)
    app.add_url_rule("/free", "free", lambda: _OK)
    return app


def flask_limiter() -> Flask:
    """Flask-Limiter as its documentation has it, with the handler that its recipes show."""
    app = Flask("peer")
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://", headers_enabled=True)
    app.register_error_handler(429, lambda error: ({"error": str(error.description)}, 429))
    return _with_views(app, limiter.limit)


def _with_views(app: Flask, limit: Callable[[str], Callable[[Any], Any]]) -> Flask:
    def free() -> dict[str, int]:
        return _OK

    def limited() -> dict[str, int]:
        return _OK

    def exceeded() -> dict[str, int]:
        return _OK

    app.add_url_rule("/free", "free", free)
    app.add_url_rule("/limited", "limited", limit(_MANY)(limited))
    app.add_url_rule("/exceeded", "exceeded", limit("1/year")(exceeded))
    return app


class Row(NamedTuple):
    """One line of the table."""

    title: str
    app: Flask
    path: str
    status: int
    wanted: str = ""


def rows() -> list[Row]:
    mine, peer = ours(), flask_limiter()
    configured = ours(RATELIMIT_DEFAULT=_MANY)
    both = ours(RATELIMIT_DEFAULT=_MANY, RATELIMIT_APPLICATION=_MANY)
    return [
        Row("bare view, again", bare(), "/free", 200),
        Row("the contract, an app without limits", without_limits(), "/free", 200),
        Row("a view without limits", mine, "/free", 200, "1.03"),
        Row("a limited view", mine, "/limited", 200, "1.30"),
        Row("a 429", mine, "/exceeded", 429, "1.30"),
        Row("a view with the default limit", configured, "/free", 200, "1.30"),
        Row("with a default and an application limit", both, "/free", 200),
        *(
            Row(f"a limited view, {strategy}", ours(RATELIMIT_STRATEGY=strategy), "/limited", 200)
            for strategy in _STRATEGIES[1:]
        ),
        Row("Flask-Limiter: a view without limits", peer, "/free", 200),
        Row("Flask-Limiter: a limited view", peer, "/limited", 200),
        Row("Flask-Limiter: a 429", peer, "/exceeded", 429),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rate_limits", description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=100, help="rounds of the race (default: %(default)s)"
    )
    chosen = parser.parse_args()
    measured = rows()
    for row in measured:
        ask(quiet(row.app), Request(row.path))
        assert ask(row.app, Request(row.path)).status == row.status, row.title
    calls = {"bare": caller(bare(), Request("/free"))} | {
        row.title: caller(row.app, Request(row.path)) for row in measured
    }
    times = race(calls, chosen.rounds)
    lines = []
    for row in measured:
        ratio, added = times.ratio(row.title, "bare"), times.microseconds_over(row.title, "bare")
        lines.append(
            [
                row.title,
                f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})",
                f"{added.median:+.1f}",
                row.wanted,
            ]
        )
    print(
        f"A bare view takes {times.microseconds('bare').median:.0f} µs; {chosen.rounds} rounds, medians and quartiles.\n"
    )
    print(markdown(["", "ratio to a bare view", "µs", "wanted, at most"], lines))


if __name__ == "__main__":
    main()
