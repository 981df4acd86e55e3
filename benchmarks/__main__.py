"""``python -m benchmarks [--rounds N] [NAME ...]``: race the contenders and print Markdown tables."""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

from . import imports, memory, over_http, paths, scaling
from .common import markdown
from .paths import CONTENDERS, GUARDED, PATHS

_PACKAGES = (
    "flask",
    "werkzeug",
    "marshmallow",
    "flask-limiter",
    "flask-smorest",
    "apiflask",
    "flask-restx",
)


def main() -> None:
    chosen = _arguments()
    _print_machine(chosen.rounds)
    apps = paths.make_contenders()
    for section in (_paths, _guards, _imports, _limits, _scaling, _memory, _http):
        section(chosen, apps)


def _arguments() -> argparse.Namespace:
    names = [row.name for row in (*PATHS, *GUARDED)] + [
        "import",
        "limits",
        "scaling",
        "memory",
        "http",
    ]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Ratios to bare Flask; smaller is better."
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"what to run, all of it by default: {', '.join(names)}",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=100,
        help="rounds of each race (default: %(default)s; 10 is quick)",
    )
    parser.add_argument(
        "--errors",
        type=int,
        default=100_000,
        help="errors of the memory check (default: %(default)s)",
    )
    parser.add_argument(
        "--seconds", type=int, default=1, help="seconds of each HTTP run (default: %(default)s)"
    )
    chosen = parser.parse_args()
    unknown = set(chosen.names) - set(names)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}. Choose from: {', '.join(names)}")
    chosen.names = chosen.names or names
    return chosen


def _print_machine(rounds: int) -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    print(
        f"{platform.python_implementation()} {platform.python_version()} on {platform.machine()}, {_processor()}; {packages}."
    )
    print(f"{rounds} rounds; medians of the ratios of each round, quartiles in brackets.")


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            return next(
                line.partition(":")[2].strip() for line in file if line.startswith("model name")
            )
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"


def _print_table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    print(f"\n{markdown(header, rows)}", flush=True)


def _selected(
    rows: Iterable[Any], chosen: argparse.Namespace, run: Callable[[Any], tuple[str, ...]]
) -> list[tuple[str, ...]]:
    return [run(row) for row in rows if row.name in chosen.names]


def _paths(chosen: argparse.Namespace, apps: dict[str, Any]) -> None:
    rows = _selected(PATHS, chosen, lambda row: paths.run_path(row, apps, chosen.rounds))
    if rows:
        _print_table(["ratio to floor", *CONTENDERS, "best peer was", "wanted"], rows)


def _guards(chosen: argparse.Namespace, apps: dict[str, Any]) -> None:
    rows = _selected(GUARDED, chosen, lambda row: paths.run_guarded(row, apps, chosen.rounds))
    if rows:
        _print_table(["µs over the view without", *CONTENDERS, "best peer was", "wanted"], rows)


def _imports(chosen: argparse.Namespace, apps: dict[str, Any]) -> None:
    if "import" in chosen.names:
        header = ["ratio", "flask", "flask again", "flask_apierrors", "best peer was", "wanted"]
        _print_table(header, [imports.run(max(6, chosen.rounds // 4))])


def _limits(chosen: argparse.Namespace, apps: dict[str, Any]) -> None:
    if "limits" in chosen.names:
        print(flush=True)
        command = [sys.executable, "-m", "benchmarks.rate_limits", "--rounds", str(chosen.rounds)]
        subprocess.run(command, check=True, timeout=600)


def _scaling(chosen: argparse.Namespace, apps: dict[str, Any]) -> None:
    if "scaling" in chosen.names:
        header = [
            "bad items",
            "time",
            "per item",
            "ratio to floor",
            "answer of floor",
            "answer of flask_apierrors",
        ]
        _print_table(header, scaling.run(apps["floor"], apps["flask_apierrors"], chosen.rounds))


def _memory(chosen: argparse.Namespace, apps: dict[str, Any]) -> None:
    if "memory" in chosen.names:
        _print_table(
            ["no two requests alike", "flask_apierrors"],
            memory.run(apps["flask_apierrors"], chosen.errors),
        )


def _http(chosen: argparse.Namespace, apps: dict[str, Any]) -> None:
    if "http" in chosen.names:
        _print_table(
            ["CPU time of the server, a request", *over_http.CONTENDERS],
            over_http.run(chosen.seconds),
        )


if __name__ == "__main__":
    main()
