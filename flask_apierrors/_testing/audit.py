"""``audit``: sends wrong requests to each route of an app, and reports the promises they break."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

from flask import Flask
from werkzeug.test import EnvironBuilder, run_wsgi_app

from .._catalogue.routes import Route, routes_of
from .._core.hooks import is_named
from .._core.state import AppState
from .._guards.guard import marks_above
from .answer import Answer
from .contexts import as_principal, production, unlimited
from .probes import BAD_REQUEST_CRASHES, GUARD_ABOVE_ROUTE, LIMIT_IGNORED, Probe, probes_of
from .report import Finding, Report
from .requests import Url, url_for_route
from .rules import SECRET, Rule, broken_rules
from .stubs import Crash, ViewReached, stubbed, views_raise

_BASE_URL = "http://localhost"
#: A limit above it is not tried.
_MAX_AMOUNT = 20
#: The client that exceeds the limits: an address for documentation (RFC 5737).
_LIMITED_CLIENT = "192.0.2.1"


def audit(
    app: Flask,
    *,
    credentials: Mapping[str, str] | None = None,
    writes: bool = False,
    except_: Iterable[str] = (),
    seed: int = 0,
) -> Report:
    """Send wrong requests to each route, and report the promises that the responses break.

    Stand-ins take the place of the views, so no request reaches one that a guard must protect. Only
    views that read run as they are, and those that write if you ask for it. The app has the
    settings of production and no limits, except where a limit itself is tried.

    :param app: The app, with its ``ApiErrors`` and all its views.
    :param credentials: The header fields of a client that may do everything, such as
        ``{"Authorization": "Bearer s3cret"}``. Only the guards of other libraries need them.
    :param writes: Whether the views of POST, PUT, PATCH and DELETE run, too, with bad bodies.
    :param except_: The endpoints to leave out, as ``flask routes`` shows them, or patterns such as
        ``"admin.*"``.
    :param seed: Where the random values begin. The same seed sends the same requests.
    :returns: The report. It is empty if there is nothing to report.
    :raises RuntimeError: if the app has no ``ApiErrors``.
    """
    if "apierrors" not in app.extensions:
        raise RuntimeError("This app has no ApiErrors. Call ApiErrors(app) where you create it.")
    state: AppState = app.extensions["apierrors"]
    routes = [route for route in routes_of(state) if not is_named(route.endpoint, tuple(except_))]
    sender = _Sender(app, routes, credentials or {})
    with production(app), _readable_permissions(state), _quiet(app):
        app.test_client().get("/")  # the functions of the first request run now
        probes = list(_probes(app, routes, sender.report, writes, random.Random(seed)))  # noqa: S311
        with stubbed(app) as untouched:
            reachable = [probe for probe in probes if probe.endpoint not in untouched]
            with unlimited(app):
                sender.send_all(probe for probe in reachable if probe.target != "view")
            sender.exceed_limits(routes, reachable)
        with unlimited(app):
            sender.send_all(probe for probe in probes if probe.target == "view")
    return sender.report


def _probes(
    app: Flask, routes: list[Route], report: Report, writes: bool, chance: random.Random
) -> Iterator[Probe]:
    for route in routes:
        for mark in marks_above(app.view_functions[route.endpoint]):
            report.append(_finding(GUARD_ABOVE_ROUTE, route.endpoint, "", f"@{mark.name}"))
    urls = [(route, _url_of(route, app)) for route in routes]
    reached = {route.endpoint for route, url in urls if url is not None}
    skipped = (route.endpoint for route in routes if route.endpoint not in reached)
    report.skipped = tuple(dict.fromkeys(skipped))
    for route, url in urls:
        if url is not None:
            yield from probes_of(route, url, writes, chance)


def _url_of(route: Route, app: Flask) -> Url | None:
    rules = [rule for rule in app.url_map.iter_rules(route.endpoint) if rule.rule == route.rule]
    urls = (url_for_route(rule, route.method, app) for rule in rules)
    return next((url for url in urls if url is not None), None)


@contextmanager
def _readable_permissions(state: AppState) -> Iterator[None]:
    """Read the permissions of the audit's principals, which the author's function may not know."""
    hooks = state.hooks
    own, hooks.permissions_of = hooks.permissions_of, lambda principal: principal["permissions"]
    try:
        yield
    finally:
        hooks.permissions_of = own


@contextmanager
def _quiet(app: Flask) -> Iterator[None]:
    """Keep the crashes of stand-ins out of the log."""

    def is_real(record: logging.LogRecord) -> bool:
        return record.exc_info is None or record.exc_info[0] is not Crash

    app.logger.addFilter(is_real)
    try:
        yield
    finally:
        app.logger.removeFilter(is_real)


class _Sender:
    """Sends requests, and reports what is wrong with the responses."""

    def __init__(self, app: Flask, routes: list[Route], credentials: Mapping[str, str]) -> None:
        self.report = Report()
        self._app = app
        self._credentials = credentials
        #: Whether the last request reached a stand-in.
        self._has_arrived = False
        permissions = {
            name for route in routes for mark in route.marks for name in mark.permissions
        }
        self._principals: dict[str, Any] = {
            "owner": {"sub": "audit", "permissions": sorted(permissions)},
            "guest": {"sub": "audit", "permissions": []},
        }

    def send_all(self, probes: Iterable[Probe]) -> None:
        """Send requests, and judge each response."""
        for probe in probes:
            answer = self._open(probe)
            if answer.status:
                rules = [*broken_rules(answer), *self._unexpected(probe, answer)]
            else:
                is_right = probe.may_arrive or probe.target == "crash"
                rules = [] if is_right else [probe.rule]
            self._report(dict.fromkeys(rules), probe, answer)

    def _unexpected(self, probe: Probe, answer: Answer) -> Iterator[Rule]:
        """Yield the rule that a status breaks, if it does."""
        # What answers before the view says nothing of crashes in the view.
        is_early = probe.target == "crash" and not self._has_arrived
        if probe.expected and not is_early:
            if answer.status not in probe.expected:
                yield probe.rule
        elif answer.status == 500:
            yield BAD_REQUEST_CRASHES

    def exceed_limits(self, routes: Iterable[Route], probes: Iterable[Probe]) -> None:
        """Exceed each limit that few requests exceed, at one route."""
        plain = {
            (probe.endpoint, probe.method): probe for probe in probes if probe.rule is LIMIT_IGNORED
        }
        for route in routes:
            amounts = [quota.amount for quota in route.limits.quotas]
            probe = plain.get((route.endpoint, route.method))
            if probe is None or not amounts or min(amounts) > _MAX_AMOUNT:
                continue
            for _ in range(min(amounts)):
                self._open(probe, _LIMITED_CLIENT)
            answer = self._open(probe, _LIMITED_CLIENT)
            rules = broken_rules(answer) if answer.status else []
            self._report(rules if answer.status == 429 else [probe.rule], probe, answer)

    def _open(self, probe: Probe, address: str = "127.0.0.1") -> Answer:
        """Send a request. The status is 0 if it reached a stand-in."""
        is_owner = probe.visitor == "owner"
        sent = {**(self._credentials if is_owner else {}), **probe.headers}
        # A report is for logs, which the author's credentials are not for.
        shown = {name: "***" for name in self._credentials if is_owner} | dict(probe.headers)
        principal = self._principals.get(probe.visitor)
        context = as_principal(self._app, principal) if principal else nullcontext()
        self._has_arrived = False
        self.report.requests += 1
        status, body = 0, b"The request reached the view."
        headers: tuple[tuple[str, str], ...] = ()

        def exception() -> BaseException:
            self._has_arrived = True
            return Crash(SECRET) if probe.target == "crash" else ViewReached()

        with context, views_raise(exception):
            try:
                # Without the app's client, which may add credentials and keeps cookies.
                environ = _environ(probe, sent, address)
                parts, line, fields = run_wsgi_app(self._app, environ, buffered=True)
            except (ViewReached, Crash):  # a stream that crashes is out of reach
                pass
            else:
                status, headers, body = int(line[:3]), tuple(fields), b"".join(parts)
        query = f"?{probe.query.decode('latin-1')}" if probe.query else ""
        url = f"{_BASE_URL}{probe.path}{query}"
        return Answer(probe.method, url, tuple(shown.items()), probe.body, status, headers, body)

    def _report(self, rules: Iterable[Rule], probe: Probe, answer: Answer) -> None:
        lines = answer.body.decode("utf-8", "replace").splitlines()
        first = next(filter(None, map(str.strip, lines)), "")
        response = f"{answer.status or ''} {first[:200]}".strip()
        for rule in rules:
            self.report.append(_finding(rule, probe.endpoint, answer.curl, response))


def _environ(probe: Probe, headers: Mapping[str, str], address: str) -> dict[str, Any]:
    builder = EnvironBuilder(
        probe.path,
        _BASE_URL,
        method=probe.method,
        data=probe.body,
        environ_base={"REMOTE_ADDR": address},
    )
    try:
        environ = builder.get_environ()
    finally:
        builder.close()
    environ["QUERY_STRING"] = probe.query.decode("latin-1")
    for name, value in headers.items():
        key = name.upper().replace("-", "_")
        environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
    return environ


def _finding(rule: Rule, endpoint: str, request: str, response: str) -> Finding:
    return Finding(rule.name, rule.fault, rule.source, rule.remedy, endpoint, request, response)
