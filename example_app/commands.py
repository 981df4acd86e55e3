"""Requests to try on the running API. It prints them when it starts, and a test runs them."""

from __future__ import annotations

import json
import sys
import time
from shlex import quote
from typing import NamedTuple

import jwt
from flask import Flask

from .clients import AUDIENCE


class Command(NamedTuple):
    """A shell command, and the status of the response that it prints."""

    status: int
    title: str
    line: str


def commands(app: Flask, url: str) -> list[Command]:
    """Return the commands for the API at ``url``. The first one sets ``TOKEN`` for the others."""
    get = 'curl -i -H "Authorization: Bearer $TOKEN"'
    rpm = f"{url}/measurements/engine/aurora/port/rpm"
    statistics = f"{url}/statistics/engine/aurora/port/rpm"
    titanic = f"{url}/measurements/engine/titanic/port/rpm"
    token = f'curl -s -u %s -X POST -H "Accept: text/plain" {url}/token'
    annotation = '{"series": "engine/aurora/port/rpm", "time": "2025-05-21T10:00Z", "text": ""}'
    return [
        Command(
            200, "a token that is valid for one hour", f"TOKEN=$({token % 'bridge:bridge-secret'})"
        ),
        Command(
            200,
            "a query",
            f'{get} "{url}/measurements/engine/*/port/rpm?from=2025-05-21&to=2025-05-22&limit=3"',
        ),
        Command(
            200,
            "the same as CSV",
            f'{get} -H "Accept: text/csv" "{url}/measurements/engine/*/port/rpm?limit=3"',
        ),
        Command(400, "a time without an offset", f'{get} "{rpm}?to=2025-05-25T09:41:00"'),
        Command(
            400,
            "an API key instead of a token, and a body that isn't valid",
            'curl -i -H "X-API-Key: buoy-key" -H "Content-Type: application/json"'
            f" -d '{annotation}' {url}/annotations",
        ),
        Command(401, "no token", f"curl -i {rpm}"),
        Command(
            401,
            "an expired token",
            f'curl -i -H "Authorization: Bearer {expired_token(app)}" {rpm}',
        ),
        Command(
            403,
            "a missing permission",
            f'curl -i -H "Authorization: Bearer $({token % "kiosk:kiosk-secret"})" {rpm}',
        ),
        Command(404, "an unknown URL", f"curl -i {url}/nowhere"),
        Command(
            404,
            "an unknown series, as problem+json",
            f'{get} -H "Accept: application/json, application/problem+json" {titanic}',
        ),
        Command(405, "the wrong method", f"{get} -X PUT {url}/annotations"),
        Command(406, "no acceptable media type", f'{get} -H "Accept: application/xml" {rpm}'),
        Command(
            415,
            "a body that isn't JSON",
            f'{get} -H "Content-Type: text/plain" -d "hello" {url}/annotations',
        ),
        Command(429, "too many requests", f'{get} -s "{rpm}?limit=[1-30]" | tail -n 15'),
        Command(
            500,
            "a bug",
            f'{get} "{statistics}?from=2025-05-21&to=2025-05-21T00:01:00Z"',
        ),
        Command(503, "the store is locked", in_locked_store(app, f"curl -i {url}/health")),
    ]


def in_locked_store(app: Flask, command: str) -> str:
    """Hold a lock while a command runs. The lock ends with the process, whatever happens to it."""
    path, line = (
        json.dumps(text, ensure_ascii=False) for text in (app.config["DATABASE"], command)
    )
    code = (
        f"import os, sqlite3; store = sqlite3.connect({path}); "
        f'store.execute("BEGIN EXCLUSIVE"); os.system({line})'
    )
    return f"{quote(sys.executable)} -c {quote(code)}"


def expired_token(app: Flask) -> str:
    claims = {
        "sub": "bridge",
        "scope": "measurements:read",
        "aud": AUDIENCE,
        "exp": int(time.time()) - 60,
    }
    return jwt.encode(claims, app.config["SECRET_KEY"], algorithm="HS256")
