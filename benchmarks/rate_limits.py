"""``python -m benchmarks.rate_limits [--rounds N] [--redis URI]``: the cost of rate limits.

They are counted in memory. With ``--redis``, also in that Redis, where waiting counts as well.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from flask_apierrors import ApiErrors, rate_limit

from .common import Request, ask, caller, markdown, quiet, race

_OK = {"a": 1}
_MANY = "100000000/hour"
_STRATEGIES = ("fixed-window", "moving-window", "sliding-window-counter")


def bare_app() -> Flask:
    app = Flask("bare")
    app.add_url_rule("/free", "free", lambda: _OK)
    return app


def own_app(**config: Any) -> Flask:
    app = Flask("ours")
    app.config.update(config)
    ApiErrors(app)
    return _add_views(app, rate_limit)


def app_without_limits() -> Flask:
    """Make an app with this extension and no limits."""
    app = Flask("contract")
    ApiErrors(app)
    app.add_url_rule("/free", "free", lambda: _OK)
    return app


def peer_app(uri: str = "memory://", *, has_fields: bool = True) -> Flask:
    """Make an app with Flask-Limiter and the error handler of its recipes."""
    app = Flask("peer")
    limiter = Limiter(get_remote_address, app=app, storage_uri=uri, headers_enabled=has_fields)
    app.register_error_handler(429, lambda error: ({"error": str(error.description)}, 429))
    return _add_views(app, limiter.limit)


def _add_views(app: Flask, limit: Callable[[Any], Callable[[Any], Any]]) -> Flask:
    def free() -> dict[str, int]:
        return _OK

    def limited() -> dict[str, int]:
        return _OK

    def exceeded() -> dict[str, int]:
        return _OK

    def by_plan() -> dict[str, int]:
        return _OK

    def twice() -> dict[str, int]:
        return _OK

    app.add_url_rule("/free", "free", free)
    app.add_url_rule("/limited", "limited", limit(_MANY)(limited))
    app.add_url_rule("/exceeded", "exceeded", limit("1/year")(exceeded))
    app.add_url_rule("/by-plan", "by_plan", limit(lambda: _MANY)(by_plan))
    app.add_url_rule("/twice", "twice", limit(f"{_MANY}; 100000000/minute")(twice))
    return app


class Row(NamedTuple):
    """A row of the table."""

    title: str
    app: Flask
    path: str
    status: int
    target: str = ""


def rows() -> list[Row]:
    own, peer = own_app(), peer_app()
    configured = own_app(RATELIMIT_DEFAULT=_MANY)
    both = own_app(RATELIMIT_DEFAULT=_MANY, RATELIMIT_APPLICATION=_MANY)
    return [
        Row("bare view, again", bare_app(), "/free", 200),
        Row("an app without limits", app_without_limits(), "/free", 200),
        Row("a view without limits", own, "/free", 200, "1.05"),
        Row("a limited view", own, "/limited", 200, "1.22"),
        Row("a 429", own, "/exceeded", 429, "1.45"),
        Row("a limit that a function returns", own, "/by-plan", 200),
        Row("a view with the default limit", configured, "/free", 200, "1.22"),
        Row("with a default and an application limit", both, "/free", 200),
        *(
            Row(
                f"a limited view, {strategy}", own_app(RATELIMIT_STRATEGY=strategy), "/limited", 200
            )
            for strategy in _STRATEGIES[1:]
        ),
        Row("Flask-Limiter: a view without limits", peer, "/free", 200),
        Row("Flask-Limiter: a limited view", peer, "/limited", 200),
        Row("Flask-Limiter: a 429", peer, "/exceeded", 429),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rate_limits", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="rounds (default: %(default)s)")
    parser.add_argument("--redis", metavar="URI", help="such as redis://localhost:6379")
    options = parser.parse_args()
    print_in_memory(options.rounds)
    if options.redis:
        print_in_redis(options.redis, options.rounds)


def print_in_redis(uri: str, rounds: int) -> None:
    """Compare with Flask-Limiter over a Redis, and show what each request asks it."""
    lines = []
    for path, limits in (("/limited", "one limit"), ("/twice", "two limits")):
        for has_fields in (False, True):
            own = own_app(RATELIMIT_STORAGE_URI=uri, RATELIMIT_HEADERS_ENABLED=has_fields)
            apps = {"flask_apierrors": own, "Flask-Limiter": peer_app(uri, has_fields=has_fields)}
            calls = {name: caller(quiet(app), Request(path)) for name, app in apps.items()}
            times = race(calls, rounds, clock=perf_counter)
            ratio = times.ratio("flask_apierrors", "Flask-Limiter")
            fields, target = ("with", "0.55") if has_fields else ("without", "0.90")
            lines.append(
                [
                    f"{limits}, {fields} header fields",
                    *(f"{times.microseconds(name).median:.0f} µs" for name in calls),
                    f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})",
                    target if limits == "one limit" else "",
                    *(_commands(uri, call) for call in calls.values()),
                ]
            )
    header = ["", "flask_apierrors", "Flask-Limiter", "ratio", "target"]
    asked = ["flask_apierrors asks", "Flask-Limiter asks"]
    print("\n" + markdown([*header, *asked], lines))


def _commands(uri: str, call: Callable[[], object], times: int = 100) -> str:
    """Return what a request asks a Redis. ``incrby`` is what the script of ``evalsha`` does."""
    import redis

    with redis.Redis.from_url(uri) as client:
        client.config_resetstat()
        for _ in range(times):
            call()
        stats = client.info("commandstats")
    numbers = {name.partition("_")[2]: stat["calls"] / times for name, stat in stats.items()}
    return ", ".join(
        f"{name} {number:g}" for name, number in sorted(numbers.items()) if "config" not in name
    )


def print_in_memory(rounds: int) -> None:
    """Compare with a bare view, counted in memory."""
    measured = rows()
    for row in measured:
        ask(quiet(row.app), Request(row.path))
        assert ask(row.app, Request(row.path)).status == row.status, row.title
    calls = {"bare": caller(bare_app(), Request("/free"))} | {
        row.title: caller(row.app, Request(row.path)) for row in measured
    }
    times = race(calls, rounds)
    lines = []
    for row in measured:
        ratio, added = times.ratio(row.title, "bare"), times.microseconds_over(row.title, "bare")
        lines.append(
            [
                row.title,
                f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})",
                f"{added.median:+.1f}",
                row.target,
            ]
        )
    bare = times.microseconds("bare").median
    print(f"A bare view takes {bare:.0f} µs. {rounds} rounds, medians and quartiles.\n")
    print(markdown(["", "ratio to a bare view", "µs", "target"], lines))


if __name__ == "__main__":
    main()
