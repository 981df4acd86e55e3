"""``python -m benchmarks [--rounds N] [NAME ...]``: time the contenders and print the tables."""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from typing import Any

from . import imports, memory, over_http, paths, scaling, schemes
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
    options = _parse_arguments()
    _print_machine(options.rounds)
    apps = paths.make_contenders()
    for print_section in (
        _print_paths,
        _print_guards,
        _print_schemes,
        _print_imports,
        _print_limits,
        _print_scaling,
        _print_memory,
        _print_http,
    ):
        print_section(options, apps)


def _parse_arguments() -> argparse.Namespace:
    names = [row.name for row in (*PATHS, *GUARDED)]
    names += ["schemes", "import", "limits", "scaling", "memory", "http"]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Prints ratios to bare Flask. Smaller is better."
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"what to run (default: everything): {', '.join(names)}",
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=100,
        help="rounds per comparison (default: %(default)s; 10 is quick)",
    )
    parser.add_argument(
        "--errors",
        type=int,
        default=100_000,
        help="errors to send in the memory check (default: %(default)s)",
    )
    parser.add_argument(
        "--seconds", type=int, default=1, help="seconds per HTTP run (default: %(default)s)"
    )
    options = parser.parse_args()
    unknown = set(options.names) - set(names)
    if unknown:
        parser.error(f"unknown names: {', '.join(sorted(unknown))}. Use: {', '.join(names)}")
    options.names = options.names or names
    return options


def _print_machine(rounds: int) -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"{python} on {platform.machine()}, {_processor()}; {packages}.")
    print(f"{rounds} rounds. Medians of the ratios within a round, quartiles in parentheses.")


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


def _run_selected(
    rows: Iterable[Any], options: argparse.Namespace, run: Callable[[Any], tuple[str, ...]]
) -> list[tuple[str, ...]]:
    return [run(row) for row in rows if row.name in options.names]


def _print_paths(options: argparse.Namespace, apps: dict[str, Any]) -> None:
    rows = _run_selected(PATHS, options, lambda row: paths.run_path(row, apps, options.rounds))
    if rows:
        _print_table(["ratio to floor", *CONTENDERS, "best peer before", "target"], rows)


def _print_guards(options: argparse.Namespace, apps: dict[str, Any]) -> None:
    rows = _run_selected(GUARDED, options, lambda row: paths.run_guarded(row, apps, options.rounds))
    if rows:
        _print_table(
            ["µs over the view without guards", *CONTENDERS, "best peer before", "target"], rows
        )


def _print_schemes(options: argparse.Namespace, apps: dict[str, Any]) -> None:
    if "schemes" in options.names:
        header = ["µs that `@requires_auth` adds, if an app has", "flask_apierrors"]
        _print_table(header, schemes.run(options.rounds))


def _print_imports(options: argparse.Namespace, apps: dict[str, Any]) -> None:
    if "import" in options.names:
        header = ["ratio", "flask", "flask again", "flask_apierrors", "best peer before", "target"]
        _print_table(header, [imports.run(max(6, options.rounds // 4))])


def _print_limits(options: argparse.Namespace, apps: dict[str, Any]) -> None:
    if "limits" in options.names:
        print(flush=True)
        command = [sys.executable, "-m", "benchmarks.rate_limits", "--rounds", str(options.rounds)]
        subprocess.run(command, check=True, timeout=600)


def _print_scaling(options: argparse.Namespace, apps: dict[str, Any]) -> None:
    if "scaling" in options.names:
        header = [
            "bad items",
            "time",
            "per item",
            "ratio to floor",
            "body from floor",
            "body from flask_apierrors",
        ]
        _print_table(header, scaling.run(apps["floor"], apps["flask_apierrors"], options.rounds))


def _print_memory(options: argparse.Namespace, apps: dict[str, Any]) -> None:
    if "memory" in options.names:
        _print_table(
            ["all requests differ", "flask_apierrors"],
            memory.run(apps["flask_apierrors"], options.errors),
        )


def _print_http(options: argparse.Namespace, apps: dict[str, Any]) -> None:
    if "http" in options.names:
        _print_table(
            ["CPU time of the server per request", *over_http.CONTENDERS],
            over_http.run(options.seconds),
        )


if __name__ == "__main__":
    main()
