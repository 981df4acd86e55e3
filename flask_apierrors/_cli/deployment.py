"""How the app is served, as far as the environment tells: how many workers, and whether behind a proxy."""

from __future__ import annotations

import ast
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from werkzeug.middleware.proxy_fix import ProxyFix

_WORKERS = ("UWSGI_PROCESSES", "UWSGI_WORKERS")
_NUMBER = re.compile(r"[0-9]{1,9}")
#: Set by platforms that put a proxy of theirs in front of each app.
_PLATFORMS = {
    "DYNO": "Heroku",
    "FLY_APP_NAME": "Fly.io",
    "K_SERVICE": "Cloud Run",
    "RENDER": "Render",
}
#: The names under which middleware keeps what it wraps.
_INNER = ("app", "wsgi_app", "application", "_app", "__wrapped__")


class Sign(NamedTuple):
    """Something that the environment tells, and where it stands."""

    value: int | str
    source: str


def workers(environ: Mapping[str, str] = os.environ, folder: Path | None = None) -> Sign | None:
    """How many processes serve the app; ``None`` where nothing says it."""
    told = [(environ.get(name, ""), name) for name in _WORKERS]
    told += [
        (settings.get("workers", ""), source) for source, settings in _gunicorn(environ, folder)
    ]
    # For gunicorn, the default of its own setting; for platforms, what to start.
    told.append((environ.get("WEB_CONCURRENCY", ""), "WEB_CONCURRENCY"))
    return next(
        (Sign(int(value), source) for value, source in told if _NUMBER.fullmatch(value)), None
    )


def proxy(environ: Mapping[str, str] = os.environ, folder: Path | None = None) -> Sign | None:
    """What says that requests come through a proxy; ``None`` where nothing does."""
    for name, platform in _PLATFORMS.items():
        if environ.get(name):
            return Sign(platform, name)
    if environ.get("FORWARDED_ALLOW_IPS"):
        return Sign(environ["FORWARDED_ALLOW_IPS"], "FORWARDED_ALLOW_IPS")
    for source, settings in _gunicorn(environ, folder):
        if "forwarded_allow_ips" in settings:
            return Sign(settings["forwarded_allow_ips"], source)
        if settings.get("bind", "").startswith("unix:"):
            return Sign(settings["bind"], source)
    return None


def reads_forwarded(wsgi_app: Any) -> bool:
    """Is Werkzeug's ``ProxyFix`` among the middleware?"""
    for _ in range(32):
        if isinstance(wsgi_app, ProxyFix):
            return True
        inner = (found for name in _INNER if callable(found := getattr(wsgi_app, name, None)))
        wsgi_app = next(inner, None)
    return False


def _gunicorn(environ: Mapping[str, str], folder: Path | None) -> list[tuple[str, dict[str, str]]]:
    """Gunicorn's settings: those of its environment variable, then those of the file that it reads by itself."""
    path = (folder or Path()) / "gunicorn.conf.py"
    return [
        ("GUNICORN_CMD_ARGS", _arguments(environ.get("GUNICORN_CMD_ARGS", ""))),
        (path.name, _constants(path)),
    ]


def _arguments(line: str) -> dict[str, str]:
    """``-w 4 --bind=unix:app.sock`` as names and values."""
    try:
        words = " ".join(shlex.split(line))
    except ValueError:
        return {}
    short = {"w": "workers", "b": "bind"}
    found = re.findall(r"(?:^|\s)(?:--([a-z-]+)[= ]|-([wb])\s?=?)(\S+)", words)
    return {(long or short[letter]).replace("-", "_"): value for long, letter, value in found}


def _constants(path: Path) -> dict[str, str]:
    """The constants that a Python file sets, as texts and without running it."""
    try:
        return dict(_assigned(ast.parse(path.read_bytes())))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return {}


def _assigned(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    yield target.id, str(node.value.value)
