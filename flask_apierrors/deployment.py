"""How the app is served, as far as the environment tells: how many workers, and whether behind a proxy."""

from __future__ import annotations

import ast
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from werkzeug.middleware.proxy_fix import ProxyFix

_WORKERS = ("WEB_CONCURRENCY", "UWSGI_PROCESSES", "UWSGI_WORKERS")
#: Set by platforms that put a proxy of theirs in front of each app.
_PLATFORMS = {"DYNO": "Heroku", "FLY_APP_NAME": "Fly.io", "K_SERVICE": "Cloud Run", "RENDER": "Render"}
#: The names under which middleware keeps what it wraps.
_INNER = ("app", "wsgi_app", "application", "_app", "__wrapped__")


class Sign(NamedTuple):
    """Something that the environment tells, and where it stands."""

    value: int | str
    source: str


def workers(environ: Mapping[str, str] = os.environ, folder: Path | None = None) -> Sign | None:
    """How many processes serve the app; ``None`` where nothing says it."""
    for name in _WORKERS:
        if environ.get(name, "").isdecimal():
            return Sign(int(environ[name]), name)
    for source, settings in _gunicorn(environ, folder):
        if str(settings.get("workers", "")).isdecimal():
            return Sign(int(settings["workers"]), source)
    return None


def proxy(environ: Mapping[str, str] = os.environ, folder: Path | None = None) -> Sign | None:
    """What says that requests come through a proxy; ``None`` where nothing does."""
    for name, platform in _PLATFORMS.items():
        if environ.get(name):
            return Sign(platform, name)
    if environ.get("FORWARDED_ALLOW_IPS"):
        return Sign(environ["FORWARDED_ALLOW_IPS"], "FORWARDED_ALLOW_IPS")
    for source, settings in _gunicorn(environ, folder):
        if "forwarded_allow_ips" in settings:
            return Sign(str(settings["forwarded_allow_ips"]), source)
        if str(settings.get("bind", "")).startswith("unix:"):
            return Sign(str(settings["bind"]), source)
    return None


def reads_forwarded(wsgi_app: Any) -> bool:
    """Is Werkzeug's ``ProxyFix`` among the middleware?"""
    for _ in range(32):
        if isinstance(wsgi_app, ProxyFix):
            return True
        inner = (found for name in _INNER if callable(found := getattr(wsgi_app, name, None)))
        wsgi_app = next(inner, None)
    return False


def _gunicorn(environ: Mapping[str, str], folder: Path | None) -> list[tuple[str, dict[str, Any]]]:
    """Gunicorn's settings: those of its environment variable, then those of the file that it reads by itself."""
    path = (folder or Path()) / "gunicorn.conf.py"
    return [
        ("GUNICORN_CMD_ARGS", _arguments(environ.get("GUNICORN_CMD_ARGS", ""))),
        (path.name, _constants(path)),
    ]


def _arguments(line: str) -> dict[str, Any]:
    """``-w 4 --bind=unix:app.sock`` as names and values."""
    try:
        words = " ".join(shlex.split(line))
    except ValueError:
        return {}
    short = {"w": "workers", "b": "bind"}
    found = re.findall(r"(?:^|\s)(?:--([a-z-]+)[= ]|-([wb])\s?=?)(\S+)", words)
    return {(long or short[letter]).replace("-", "_"): value for long, letter, value in found}


def _constants(path: Path) -> dict[str, Any]:
    """The constants that a Python file sets, without running it."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}
    return {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
