"""How the app is served, as the environment says: with how many workers, and behind which proxy."""

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
#: Variables of platforms that put a proxy in front of each app.
_PLATFORMS = {
    "DYNO": "Heroku",
    "FLY_APP_NAME": "Fly.io",
    "K_SERVICE": "Cloud Run",
    "RENDER": "Render",
}
#: The attributes in which middleware keeps the application that it wraps.
_INNER = ("app", "wsgi_app", "application", "_app", "__wrapped__")


class Setting(NamedTuple):
    """A value, and the variable or the file that sets it."""

    value: int | str
    source: str


def workers(environ: Mapping[str, str] = os.environ, folder: Path | None = None) -> Setting | None:
    """The number of processes that serve the app, if the environment sets it."""
    settings = [Setting(environ.get(name, ""), name) for name in _WORKERS]
    settings += [
        Setting(values.get("workers", ""), source) for source, values in _gunicorn(environ, folder)
    ]
    # Gunicorn's default, so its own settings come first. Platforms tell the app to start so many.
    settings.append(Setting(environ.get("WEB_CONCURRENCY", ""), "WEB_CONCURRENCY"))
    for value, source in settings:
        if _NUMBER.fullmatch(str(value)):
            return Setting(int(value), source)
    return None


def proxy(environ: Mapping[str, str] = os.environ, folder: Path | None = None) -> Setting | None:
    """What indicates that a proxy forwards the requests, if anything does."""
    for name, platform in _PLATFORMS.items():
        if environ.get(name):
            return Setting(platform, name)
    if environ.get("FORWARDED_ALLOW_IPS"):
        return Setting(environ["FORWARDED_ALLOW_IPS"], "FORWARDED_ALLOW_IPS")
    for source, values in _gunicorn(environ, folder):
        if "forwarded_allow_ips" in values:
            return Setting(values["forwarded_allow_ips"], source)
        if values.get("bind", "").startswith("unix:"):
            return Setting(values["bind"], source)
    return None


def reads_forwarded(wsgi_app: Any) -> bool:
    """Whether the middleware around an app includes Werkzeug's ``ProxyFix``."""
    return any(isinstance(each, ProxyFix) for each in middleware_of(wsgi_app))


def middleware_of(wsgi_app: Any) -> Iterator[Any]:
    """Yield the middleware around an app, as far as it can be known."""
    for _ in range(32):
        if wsgi_app is None:
            return
        yield wsgi_app
        inner = (getattr(wsgi_app, name, None) for name in _INNER)
        wsgi_app = next(filter(callable, inner), None)


def _gunicorn(environ: Mapping[str, str], folder: Path | None) -> list[tuple[str, dict[str, str]]]:
    """The settings of Gunicorn by their source. Its environment variable overrides its file."""
    path = (folder or Path()) / "gunicorn.conf.py"
    return [
        ("GUNICORN_CMD_ARGS", _arguments(environ.get("GUNICORN_CMD_ARGS", ""))),
        (path.name, _constants(path)),
    ]


def _arguments(line: str) -> dict[str, str]:
    """The names and values in arguments such as ``-w 4 --bind=unix:app.sock``."""
    try:
        words = " ".join(shlex.split(line))
    except ValueError:
        return {}
    short_names = {"w": "workers", "b": "bind"}
    options = re.findall(r"(?:^|\s)(?:--([a-z-]+)[= ]|-([wb])\s?=?)(\S+)", words)
    return {
        (name or short_names[letter]).replace("-", "_"): value for name, letter, value in options
    }


def _constants(path: Path) -> dict[str, str]:
    """The constants that a Python file assigns, as texts. The file is not run."""
    try:
        return dict(_assignments(ast.parse(path.read_bytes())))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return {}


def _assignments(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    yield target.id, str(node.value.value)
