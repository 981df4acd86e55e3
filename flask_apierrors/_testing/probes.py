"""The requests that an audit sends, and what each of them must lead to."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .._catalogue.routes import Route
from .._guards.media_types import REQUIRES_JSON
from .requests import Url
from .rules import PREFLIGHT_REFUSED, SECRET, Rule

#: Who sends a request: a client without credentials, one with a permission for everything, or one
#: with no permission at all.
Visitor = Literal["stranger", "owner", "guest"]
#: What runs where the request arrives: a stand-in, a stand-in that crashes, or the view itself.
Target = Literal["stub", "crash", "view"]

_WITH_BODY = ("POST", "PUT", "PATCH", "QUERY")
_SAFE = ("GET", "QUERY")
#: What a request may get instead of what its probe looks for: a maintenance window, and what is
#: said of a URL before anything else.
_ALWAYS = frozenset({404, 503})
_REFUSED = frozenset({401, 403}) | _ALWAYS
_UNKNOWN_TYPE = "application/x-apierrors-audit"


@dataclass(frozen=True, slots=True)
class Probe:
    """One request."""

    #: The rule that it breaks if the response is none of the expected ones.
    rule: Rule
    method: str
    path: str
    endpoint: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    query: bytes = b""
    body: bytes = b""
    visitor: Visitor = "owner"
    target: Target = "stub"
    #: The statuses that are right. Empty: all but a crash.
    expected: frozenset[int] = frozenset()
    #: Whether the request may reach the view.
    may_arrive: bool = False


def probes_of(route: Route, url: Url, writes: bool, chance: random.Random) -> Iterator[Probe]:
    """Yield the requests for one method of a URL.

    :param url: Where they go.
    :param writes: Whether views that write may run, too.
    :param chance: Where hostile values come from.
    """
    path = url.path
    yield from (
        *(_of_unknown_url(route.method, url.unknown) if url.unknown is not None else ()),
        *_of_routing(route, url),
        *_of_authentication(route, path),
        *_of_permissions(route, path),
        *_of_negotiation(route, path),
        *_of_bodies(route, path),
        *_of_hostility(route, path, chance),
        *_of_crashes(route, path),
        *_of_limits(route, path),
        *(_of_views(route, path, chance) if writes or route.method in _SAFE else ()),
    )


def is_guarded(route: Route) -> bool:
    """Whether only authenticated requests pass the guards of a route."""
    return any(mark.authenticates for mark in route.marks)


# -- routing

_UNKNOWN_URL = Rule(
    "unknown-url",
    "An unknown URL is not answered with a 404.",
    "RFC 9110 section 15.5.5",
    "`flask apierrors doctor` names what answers instead, such as an error handler.",
)
_WRONG_METHOD = Rule(
    "wrong-method",
    "A method without a view is not answered with a 405 or a 501.",
    "RFC 9110 section 9.1",
    "Look for a `before_request` function or a middleware that answers instead.",
)


def _of_unknown_url(method: str, path: str) -> Iterator[Probe]:
    for accept in ("", "text/html", "image/png", "application/problem+json", "garbage;;q="):
        headers = {"Accept": accept} if accept else {}
        yield Probe(_UNKNOWN_URL, method, path, headers=headers, expected=_REFUSED)
    yield Probe(_UNKNOWN_URL, "HEAD", path, expected=_REFUSED)


def _of_routing(route: Route, url: Url) -> Iterator[Probe]:
    path = url.path
    refused = frozenset({405, 501}) | _REFUSED
    for method in url.unrouted:
        yield Probe(_WRONG_METHOD, method, path, route.endpoint, expected=refused)
    yield Probe(BAD_REQUEST_CRASHES, "OPTIONS", path, route.endpoint, may_arrive=True)
    headers = {"Origin": "https://audit.example", "Access-Control-Request-Method": route.method}
    # A view that answers OPTIONS itself expects preflights. A refusal of the others matters if it
    # has the fields of CORS.
    yield Probe(
        PREFLIGHT_REFUSED,
        "OPTIONS",
        path,
        route.endpoint,
        headers,
        visitor="stranger",
        expected=frozenset(range(200, 300)) if route.method == "OPTIONS" else frozenset(),
        may_arrive=True,
    )


# -- credentials and permissions

#: What a decorator above the guard may say of the rest of the request.
_OF_THE_REST = frozenset({400, 406, 412, 413, 415, 422, 428})
_GUARD_OPEN = Rule(
    "guard-open",
    "A request without valid credentials is not answered with a 401.",
    "RFC 9110 section 15.5.2",
    "Put the guard below the route, and let it raise.",
)
_GUARD_CRASHES = Rule(
    "credentials-crash",
    "Malformed credentials are not answered with a 401 or a 400.",
    "RFC 6750 section 3.1",
    "Let the function that verifies credentials return None for what it cannot read.",
)
_PERMISSION_OPEN = Rule(
    "permission-open",
    "A request without the permission is not answered with a 403, or with a 404.",
    "RFC 9110 section 15.5.4",
    "Put the guard below the route, and let it raise.",
)
_MALFORMED = (
    "Bearer",
    "Bearer a b",
    "Bearer \x80\xff",
    "Basic",
    "Basic !!!",
    "Basic " + base64.b64encode(b"\xff\xfe").decode(),
    "Digest username",
    ",",
    "Bearer " + "a" * 9_000,
)


def _of_authentication(route: Route, path: str) -> Iterator[Probe]:
    if not is_guarded(route):
        return
    unauthenticated = frozenset({401}) | _OF_THE_REST | _ALWAYS
    schemes = [scheme for mark in route.marks for scheme in mark.security.values()]
    for headers, query in (({}, b""), *map(_bad_credentials, schemes)):
        yield Probe(
            _GUARD_OPEN,
            route.method,
            path,
            route.endpoint,
            headers,
            query,
            visitor="stranger",
            expected=unauthenticated,
        )
    for value in _MALFORMED:
        yield Probe(
            _GUARD_CRASHES,
            route.method,
            path,
            route.endpoint,
            {"Authorization": value},
            visitor="stranger",
            expected=unauthenticated,
        )


def _bad_credentials(scheme: Any) -> tuple[dict[str, str], bytes]:
    """Return what a client with a wrong secret sends for an OpenAPI security scheme."""
    kind, where, name = scheme.get("type"), scheme.get("in"), scheme.get("name", "")
    if kind == "apiKey" and where == "query":
        return {}, f"{name}={SECRET}".encode()
    if kind == "apiKey":
        return ({"Cookie": f"{name}={SECRET}"} if where == "cookie" else {name: SECRET}), b""
    if scheme.get("scheme") == "basic":
        pair = base64.b64encode(f"audit:{SECRET}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}, b""
    return {"Authorization": f"Bearer {SECRET}"}, b""


def _of_permissions(route: Route, path: str) -> Iterator[Probe]:
    if any(mark.permissions for mark in route.marks):
        yield Probe(
            _PERMISSION_OPEN,
            route.method,
            path,
            route.endpoint,
            visitor="guest",
            expected=frozenset({403}) | _ALWAYS,
        )


# -- media types

_NOT_ACCEPTABLE = Rule(
    "accept-ignored",
    "The client accepts nothing that the view produces, and gets no 406.",
    "RFC 9110 section 15.5.7",
    "Put @produces below the route.",
)
_UNSUPPORTED = Rule(
    "content-type-ignored",
    "A body of a type that the view does not take gets no 415.",
    "RFC 9110 section 15.5.16",
    "Put @consumes or @requires_json below the route.",
)
_MALFORMED_JSON = Rule(
    "json-taken",
    "A body that is no JSON gets no 400.",
    "RFC 8259 section 2",
    "Read the body with request.get_json().",
)
_TOO_LARGE = Rule(
    "body-too-large",
    "A body above MAX_CONTENT_LENGTH gets no 413.",
    "RFC 9110 section 15.5.14",
    "Read the body with the request's methods.",
)
_BODIES = (
    b"",
    b"{",
    b'{"a": 1,}',
    b'{"a": NaN}',
    b'{"a": 1e999}',
    b"\xff\xfe",
    b"[" * 20_000,
    b'{"a": ' + b"9" * 5_001 + b"}",
)


def _of_negotiation(route: Route, path: str) -> Iterator[Probe]:
    statuses = {status for mark in route.marks for status in mark.statuses}
    if 406 in statuses:
        yield Probe(
            _NOT_ACCEPTABLE,
            route.method,
            path,
            route.endpoint,
            {"Accept": _UNKNOWN_TYPE, "Content-Type": "application/json"},
            body=b"{}" if route.method in _WITH_BODY else b"",
            expected=frozenset({406, 415}) | _ALWAYS,
        )
    if 415 in statuses:
        for headers in ({"Content-Type": _UNKNOWN_TYPE}, {}):
            yield Probe(
                _UNSUPPORTED,
                route.method,
                path,
                route.endpoint,
                headers,
                body=b"audit",
                expected=frozenset({415}) | _ALWAYS,
            )


def _of_bodies(route: Route, path: str) -> Iterator[Probe]:
    if REQUIRES_JSON not in route.marks:
        return
    for body in _BODIES:
        yield Probe(
            _MALFORMED_JSON,
            route.method,
            path,
            route.endpoint,
            {"Content-Type": "application/json"},
            body=body,
            expected=frozenset({400, 413}) | _ALWAYS,
            may_arrive=not body and route.method not in _WITH_BODY,
        )


# -- whatever a client sends

BAD_REQUEST_CRASHES = Rule(
    "bad-request-crashes",
    "A bad request is answered with a crash.",
    "RFC 9110 section 15.5.1",
    "The log has the traceback.",
)
GUARD_ABOVE_ROUTE = Rule(
    "guard-above-route",
    "A guard stands above the route, where it guards nothing.",
    "the contract",
    "Put it below the route's decorator.",
)
LIMIT_IGNORED = Rule(
    "limit-ignored",
    "A client that exceeds a limit is not answered with a 429.",
    "RFC 6585 section 4",
    "Put @rate_limit below the route.",
)
_DISGUISED = Rule(
    "crash-disguised",
    "A crash is not answered with a 500.",
    "RFC 9110 section 15.6.1",
    "`flask apierrors doctor` names the handler that answers crashes.",
)


def _of_hostility(route: Route, path: str, chance: random.Random) -> Iterator[Probe]:
    queries = (b"%ff=%00&&=&a=%zz", _noise(chance), b"a" * 5_000)
    headers = (
        {"Accept": "a/b;q=" + "9" * 5_000, "Accept-Language": ";;;", "Cookie": "=;\x80=\xff"},
        {"Range": "bytes=9-1,-", "If-Modified-Since": "yesterday", "X-Request-ID": "\x80\"'<"},
        {"Content-Type": 'multipart/form-data; boundary="', "If-Match": '"'},
    )
    for visitor in ("stranger", "owner"):
        for query, fields in zip(queries, headers, strict=True):
            yield Probe(
                BAD_REQUEST_CRASHES,
                route.method,
                path,
                route.endpoint,
                fields,
                query,
                visitor=visitor,
                may_arrive=True,
            )


def _of_crashes(route: Route, path: str) -> Iterator[Probe]:
    for headers in ({}, {"Accept": "application/problem+json"}, {"Accept": "text/html"}):
        fields = {"Content-Type": "application/json", **headers} if _takes_json(route) else headers
        yield Probe(
            _DISGUISED,
            route.method,
            path,
            route.endpoint,
            fields,
            body=b"{}" if _takes_json(route) else b"",
            target="crash",
            expected=frozenset({500, 503}),
        )


def _of_limits(route: Route, path: str) -> Iterator[Probe]:
    """Yield one right request, which is repeated until the limit is exceeded."""
    if route.limits.quotas:
        headers = {"Content-Type": "application/json"} if _takes_json(route) else {}
        body = b"{}" if _takes_json(route) else b""
        yield Probe(
            LIMIT_IGNORED, route.method, path, route.endpoint, headers, body=body, may_arrive=True
        )


def _takes_json(route: Route) -> bool:
    return route.method in _WITH_BODY


def _of_views(route: Route, path: str, chance: random.Random) -> Iterator[Probe]:
    queries: Iterable[bytes] = (b"", b"%ff=1", _noise(chance), f"q={SECRET}".encode())
    if route.method in _SAFE:
        for query in queries:
            yield _at_view(route, path, query=query)
        return
    for body in (*_BODIES, b"[]", b'"text"', b"null", b'{"password": "' + SECRET.encode() + b'"}'):
        yield _at_view(route, path, {"Content-Type": "application/json"}, body=body)
    yield _at_view(route, path, {"Content-Type": "multipart/form-data"}, body=b"--x")


def _at_view(route: Route, path: str, headers: Mapping[str, str] = {}, **parts: Any) -> Probe:
    return Probe(
        BAD_REQUEST_CRASHES, route.method, path, route.endpoint, headers, target="view", **parts
    )


def _noise(chance: random.Random) -> bytes:
    return b"a=" + b"".join(b"%%%02X" % chance.randrange(256) for _ in range(30))
