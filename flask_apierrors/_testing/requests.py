"""URLs that lead to a route."""

from __future__ import annotations

import re
from itertools import chain, islice
from typing import Any, NamedTuple

from flask import Flask
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Rule

from .._catalogue.routes import adapter_of, path_of, rule_at

#: What the variables of a URL may look like, the most usual first.
_VALUES = (
    "1",
    "audit",
    "1.5",
    "00000000-0000-4000-8000-000000000000",
    "2025-05-25",
    "a@b.example",
    "AB",
    "abcdefgh",
)
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class Url(NamedTuple):
    """Where the requests for a route go."""

    #: A path that leads to the route.
    path: str
    #: A path below it that no route has, whatever the method. ``None`` if there is none.
    unknown: str | None
    #: Methods that no route has at the path, one that does not exist among them.
    unrouted: tuple[str, ...]


def url_for_route(rule: Rule, method: str, app: Flask) -> Url | None:
    """Return where the requests for a method of a rule go, or ``None`` if no URL leads to it."""
    path = url_of(rule, method, app)
    if path is None:
        return None
    refused = (name for name in _METHODS if _is_refused(path, name, app))
    invented = ("BREW",) if _is_refused(path, "BREW", app) else ()
    return Url(path, unknown_url(path, method, app), (*invented, *islice(refused, 1)))


def url_of(rule: Rule, method: str, app: Flask) -> str | None:
    """Return a path that leads to a rule, or ``None`` if none can be made."""
    texts = {name: _texts_for(converter) for name, converter in rule._converters.items()}
    if not all(texts.values()):
        return None
    # The first text of each variable, then the second: another rule may have the path of the first.
    for turn in range(max(map(len, texts.values()), default=1)):
        path = path_of(rule.rule, "\0%s\0")
        for name, values in texts.items():
            path = path.replace(f"\0{name}\0", values[min(turn, len(values) - 1)])
        if rule_at(path, method, app, rule.subdomain) is rule:
            return path
    return None


def unknown_url(path: str, method: str, app: Flask) -> str | None:
    """Return a path below another one that no rule has, or ``None`` if a rule takes them all."""
    below = f"{path.rstrip('/')}/apierrors-audit"
    paths = (below, f"{below}/apierrors-audit")  # a rule with a variable may have the first
    # A slash that is missing leads to a redirect for some methods, and nowhere for others.
    methods = (method, "HEAD")
    return next(
        (path for path in paths if all(_refusal(path, name, app) is NotFound for name in methods)),
        None,
    )


def _texts_for(converter: Any) -> list[str]:
    """Return the texts that the regular expression of a converter takes."""
    regex = re.compile(converter.regex)
    items = re.findall(r"[^()|?:\\]+", converter.regex)  # those of `any(a, b)`
    return [text for text in chain(_VALUES, items) if regex.fullmatch(text)]


def _is_refused(path: str, method: str, app: Flask) -> bool:
    """Whether no rule at a path has the method, and none redirects it."""
    return _refusal(path, method, app) is MethodNotAllowed


def _refusal(path: str, method: str, app: Flask) -> type[Exception] | None:
    """Return the class of the exception by which the routing refuses a request."""
    try:
        adapter_of(app).match(path, method)
    except Exception as error:
        return type(error)
    return None
