"""Compare ``import flask_apierrors`` with ``import flask``, each in a new interpreter."""

from __future__ import annotations

import os
import subprocess
import sys

from .common import Rounds

_CODE = "from time import process_time as now; start = now(); import {module}; print(now() - start)"
# Python imports bytecode, as in production. Compiling takes longer than the import itself.
_ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
}


def run(rounds: int) -> tuple[str, ...]:
    times = Rounds({name: [] for name in ("flask", "flask again", "flask_apierrors")})
    _seconds_to_import("flask_apierrors")  # It writes the bytecode.
    for turn in range(rounds):
        names = list(times)
        for name in names[turn % 3 :] + names[: turn % 3]:
            times[name].append(_seconds_to_import(name.removesuffix(" again")))
    control, own = times.ratio("flask again", "flask"), times.ratio("flask_apierrors", "flask")
    return (
        "`import flask_apierrors` over `import flask`",
        f"{times.microseconds('flask').median / 1e3:.0f} ms",
        f"{control.median:.2f}",
        f"**{own.median:.2f}** ({own.low:.2f} to {own.high:.2f})",
        "1.43",
        "1.10",
    )


def _seconds_to_import(module: str) -> float:
    command = [sys.executable, "-c", _CODE.format(module=module)]
    process = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=60, env=_ENVIRONMENT
    )
    return float(process.stdout)
