"""URLs that lead to a route."""

from __future__ import annotations

import re
from itertools import chain
from typing import Any

from flask import Flask
from werkzeug.routing import Rule

from .._catalogue.routes import path_of

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


def url_of(rule: Rule, method: str, app: Flask) -> str | None:
    """Return a path that leads to a rule, or ``None`` if none can be made."""
    values: dict[str, str] = {}
    for name, converter in rule._converters.items():
        value = _value_for(converter)
        if value is None:
            return None
        values[name] = value
    path = path_of(rule.rule, "\0%s\0")
    for name, value in values.items():
        path = path.replace(f"\0{name}\0", value)
    return path if _rule_at(path, method, app, rule.subdomain) is rule else None


def unknown_url(path: str, method: str, app: Flask) -> str | None:
    """Return a path below another one that no rule has, or ``None`` if a rule takes them all."""
    beside = f"{path.rstrip('/')}/apierrors-audit"
    return beside if _rule_at(beside, method, app) is None else None


def _value_for(converter: Any) -> str | None:
    """Return a text that the regular expression of a converter takes."""
    regex = re.compile(converter.regex)
    items = re.findall(r"[^()|?:\\]+", converter.regex)  # those of `any(a, b)`
    return next((text for text in chain(_VALUES, items) if regex.fullmatch(text)), None)


def _rule_at(path: str, method: str, app: Flask, subdomain: str | None = None) -> Rule | None:
    """Return the rule that a path is routed to."""
    adapter = app.url_map.bind(app.config["SERVER_NAME"] or "localhost", subdomain=subdomain)
    try:
        return adapter.match(path, method, return_rule=True)[0]
    except Exception:  # a converter of the author's may raise anything
        return None
