"""Finds what is wrong or risky in an app, without sending a request."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import partial
from itertools import accumulate, chain
from operator import attrgetter
from typing import Any

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.constants import ConfigVars
from limits.storage import MemoryStorage
from marshmallow import ValidationError
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from .._catalogue.catalogue import catalogue
from .._catalogue.causes import kinds_of_error
from .._catalogue.classes import classes_of
from .._catalogue.exits import ExitReader
from .._catalogue.model import Operation
from .._catalogue.routes import routes_of, rule_at
from .._catalogue.source import foreign_bodies, page_in, place_of
from .._catalogue.unguarded import (
    PossibleGuard,
    place_of_operation,
    possible_guards,
    unguarded,
)
from .._core.config import REFERENCE_ENDPOINT, Config
from .._core.errors import ApiError, code_of_type
from .._core.first_request import meet_libraries
from .._core.state import AppState
from .._guards.authentication import AUTHENTICATED, SCHEME_GUARDS
from .._guards.misuse import guards_above_routes
from .._guards.request import ApiRequest
from .._limits.flask_limiter import has_native_limits, limiters_of, native_limiter_of
from .._limits.plans import configured_limit
from .._limits.quotas import Quota
from .._limits.rate_limit import declarations_of
from .._limits.wiring import quotas_at
from . import deployment
from .lock import implies

_WRITES = ("POST", "PUT", "PATCH", "DELETE")
#: How many classes and codes of one handler a finding names.
_MAX_NAMES = 3
#: A path that no route is meant for.
_UNKNOWN_PATH = "/apierrors-doctor"
_VARIABLE = re.compile(r"<[^>]*>")
#: How a limit counts requests.
_COUNTED = attrgetter("key_func", "limit.cost", "limit.deduct_when")


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something that is wrong or risky."""

    #: The kind of the finding, such as ``unguarded-write``. Users can ignore it by this name.
    code: str
    #: The endpoint, the setting or the function.
    where: str
    problem: str
    remedy: str


class _Facts:
    """An app, and what the checks read about it."""

    def __init__(self, app: Flask, ignored: Collection[str]) -> None:
        self.app = app
        #: The rules of ``--ignore``.
        self.ignored = ignored
        #: Everything that the API serves, hidden endpoints included.
        self.operations: tuple[Operation, ...] = catalogue(app, hidden=True).operations
        self.state: AppState = app.extensions["apierrors"]
        #: The author's functions in other libraries that answer errors.
        self.winners = meet_libraries(app, self.state)
        hooks = (getattr(hook, "__self__", None) for hook in app.before_request_funcs.get(None, ()))
        limiters = (
            *limiters_of(app),
            *(owner for owner in hooks if isinstance(owner, Limiter)),
        )
        self.limiters = tuple(dict.fromkeys(limiters))

    def view(self, operation: Operation) -> Any:
        """The function that answers an operation. For a view class, its method."""
        view = self.app.view_functions[operation.endpoint]
        cls = getattr(view, "view_class", None)
        return getattr(cls, operation.method.lower(), None) or getattr(
            cls, "dispatch_request", view
        )

    def quotas(self, operation: Operation) -> tuple[Quota, ...]:
        """The limits of an operation that are known without a request."""
        try:
            quotas, _ = quotas_at(operation.endpoint, operation.method, self.state)
        except Exception:
            return ()
        return quotas

    def raises(self, cls: type[Exception]) -> bool:
        """Whether a view raises exceptions of a class, as it declares or as its source says."""
        exits = (each.error for _, exits in self.state.exits.values() for each in exits)
        marks = (mark for route in routes_of(self.state) for mark in route.marks)
        errors = (error for mark in marks for error in mark.errors)
        return any(error is not None and issubclass(error, cls) for error in chain(exits, errors))

    def has_limits(self) -> bool:
        """Whether the app defines any limit, even if limits are disabled."""
        keys = ("RATELIMIT_DEFAULT", "RATELIMIT_APPLICATION", "RATELIMIT_META")
        views = self.app.view_functions
        return (
            any(self.app.config.get(key) for key in keys)
            or any(self.state.config.rate_limits.values())
            or any(
                operation.limits or declarations_of(views[operation.endpoint], operation.method)
                for operation in self.operations
            )
            or any(map(native_limiter_of, views.values()))
        )


def diagnose(app: Flask, ignored: Collection[str] = ()) -> tuple[Finding, ...]:
    """Run all checks. The findings are sorted by code and place.

    :param ignored: What is left out: codes, or codes and a part of the place, ``code:text``.
    :raises RuntimeError: when the app has no ``ApiErrors``.
    """
    facts = _Facts(app, ignored)
    with app.app_context():
        findings = {finding for check in CHECKS for finding in check(facts)}
    return tuple(
        finding
        for finding in sorted(findings)
        if not is_ignored(finding.code, finding.where, ignored)
    )


def is_ignored(code: str, where: str, ignored: Iterable[str]) -> bool:
    """Return whether a finding is left out."""
    rules = (rule.partition(":") for rule in ignored)
    return any(code == ignored_code and text in where for ignored_code, _, text in rules)


# -- the scope of the contract


def _prefixes_without_routes(facts: _Facts) -> Iterator[Finding]:
    rules = [
        rule.rule for rule in facts.app.url_map.iter_rules() if rule.endpoint != REFERENCE_ENDPOINT
    ]
    for prefix in facts.state.config.url_prefixes:
        if any(_can_match(rule, prefix) for rule in rules):
            continue
        similar = " or ".join(map(repr, _similar_prefixes(prefix, rules, facts.state.config)))
        advice = (
            f"Write {similar}, where the app has routes."
            if similar
            else "Write the prefix as `flask routes` shows it, or remove it."
        )
        yield Finding(
            "prefix-without-routes",
            f"APIERRORS_URL_PREFIXES ({prefix})",
            "No route is under this prefix. Outside the prefixes, Flask answers with HTML pages.",
            f"{advice} If the server mounts the app under a path, leave that path out.",
        )


def _can_match(rule: str, prefix: str) -> bool:
    """Whether a rule can match a path under a prefix.

    A variable can be any text, but a rule such as ``/<path:page>`` is not meant for the prefix.
    """
    start = "/".join(rule.split("/")[: prefix.count("/") + 1])
    has_text = _VARIABLE.sub("", start).strip("/") != ""
    return has_text and re.fullmatch(_VARIABLE.sub(".+", re.escape(start)), prefix) is not None


def _similar_prefixes(prefix: str, rules: Iterable[str], config: Config) -> list[str]:
    """The beginnings of rules that differ in case, in slashes, or in a path before them."""
    starts = {
        start.rstrip("/")
        for rule in rules
        for start in accumulate(rule.split("/"), "{}/{}".format)
        if "<" not in start and not config.covers(start)
    }
    return sorted(start for start in starts - {""} if _is_similar(start.lower(), prefix.lower()))


def _is_similar(path: str, other: str) -> bool:
    is_same_text = path.replace("/", "") == other.replace("/", "")
    return is_same_text or path.endswith(other) or other.endswith(path)


# -- guards and limits without effect


def _guards_above_route(facts: _Facts) -> Iterator[Finding]:
    lost = {endpoint: marks for endpoint, _, marks in guards_above_routes(facts.app)}
    for endpoint, view in facts.app.view_functions.items():
        names = [mark.name for mark in lost.get(endpoint, ())]
        names += ["Limiter.limit"] if _has_lost_native_limit(view, facts) else []
        if names:
            decorators = ", ".join(f"@{name}" for name in dict.fromkeys(names))
            yield Finding(
                "above-route",
                f"{endpoint} ({place_of(view)})",
                f"Flask serves this view without {decorators}:"
                " a decorator above the route decorator has no effect.",
                "Move the route decorator to the top, above all others.",
            )


def _has_lost_native_limit(view: Any, facts: _Facts) -> bool:
    """Whether Flask-Limiter has limits for a view, but does not wrap it."""
    if native_limiter_of(view) or not hasattr(view, "__qualname__"):
        return False
    return any(has_native_limits(limiter, view) for limiter in facts.limiters)


def _limits_of_absent_limiter(facts: _Facts) -> Iterator[Finding]:
    views = [(name, view) for name, view in facts.app.view_functions.items()]
    views += [(operation.endpoint, facts.view(operation)) for operation in facts.operations]
    for endpoint, view in {id(view): (name, view) for name, view in views}.values():
        limiter = native_limiter_of(view)
        if limiter is not None and limiter not in facts.limiters:
            yield Finding(
                "limiter-not-installed",
                f"{endpoint} ({place_of(view)})",
                "The limit of this view has no effect: its Limiter is not installed on the app.",
                "Call limiter.init_app(app), or use @rate_limit.",
            )


def _two_limiters(facts: _Facts) -> Iterator[Finding]:
    if len(facts.limiters) > 1:
        yield Finding(
            "two-limiters",
            "Limiter",
            f"The app has {len(facts.limiters)} Limiters, and each counts requests on its own.",
            "Keep one. This package uses errors.limiter.",
        )


def _limits_off(facts: _Facts) -> Iterator[Finding]:
    off = not facts.app.config.get("RATELIMIT_ENABLED", True)
    if facts.has_limits() and (off or any(not limiter.enabled for limiter in facts.limiters)):
        yield Finding(
            "limits-off",
            "RATELIMIT_ENABLED" if off else "Limiter",
            "The app defines rate limits, but they are disabled.",
            "Set RATELIMIT_ENABLED to True in production.",
        )


def _limits_without_effect(facts: _Facts) -> Iterator[Finding]:
    """Limits by endpoint that no endpoint would miss."""
    limits: Mapping[str, str | None] = facts.state.config.rate_limits
    endpoints = tuple(facts.app.view_functions)
    for name in limits:
        rest = {other: limit for other, limit in limits.items() if other != name}
        if all(
            configured_limit(limits, endpoint) == configured_limit(rest, endpoint)
            for endpoint in endpoints
        ):
            yield Finding(
                "unreachable-limit",
                f"APIERRORS_RATE_LIMITS[{name!r}]",
                "No endpoint gets this limit: none has this name, or another line overrides it.",
                "Correct the name (`flask apierrors routes` lists all endpoints), or remove it.",
            )


def _weaker_limits(facts: _Facts) -> Iterator[Finding]:
    for operation in facts.operations:
        quotas = facts.quotas(operation)
        for index, weak in enumerate(quotas):
            stricter = (
                quota
                for position, quota in enumerate(quotas)
                if position != index and _applies_first(quota, weak, position < index)
            )
            strict = next(stricter, None)
            if strict is not None:
                yield Finding(
                    "unreachable-limit",
                    f"{operation.method} {operation.rule} ({operation.endpoint})",
                    f"No client can reach the limit {weak.text}: {strict.text} stops it first.",
                    "Remove the limit that you did not intend.",
                )


def _applies_first(strict: Quota, weak: Quota, is_earlier: bool) -> bool:
    """Whether a limit always stops clients before another does. Of equal limits, the earlier."""
    if strict.is_conditional or _COUNTED(strict) != _COUNTED(weak):
        return False
    # A limit that several endpoints share can be reached through the others.
    if strict.scope != weak.scope and strict.scope != "global":
        return False
    return implies(strict.text, weak.text) and (is_earlier or not implies(weak.text, strict.text))


# -- how the app is served


def _limits_in_memory(facts: _Facts) -> Iterator[Finding]:
    workers = deployment.workers()
    if workers is None or int(workers.value) < 2:
        return
    if facts.has_limits() and _counts_in_memory(facts):
        yield Finding(
            "limits-in-memory",
            "RATELIMIT_STORAGE_URI",
            f"Each process counts requests in its own memory, and {workers.source} starts"
            f" {workers.value} processes: clients get up to {workers.value} times the limit.",
            "Set RATELIMIT_STORAGE_URI to a storage that the processes share,"
            " such as redis://localhost:6379.",
        )


def _counts_in_memory(facts: _Facts) -> bool:
    return any(
        isinstance(limiter.storage, MemoryStorage) for limiter in facts.limiters if limiter.enabled
    )


def _unread_forwarded(facts: _Facts) -> Iterator[Finding]:
    if not facts.has_limits() or deployment.reads_forwarded(facts.app.wsgi_app):
        return
    proxy = deployment.proxy()
    if proxy is not None:
        reason = f"{proxy.source} ({proxy.value}) indicates a proxy"
    elif facts.state.unread_forwarded:
        reason = "Requests came with X-Forwarded-For"
    else:
        return
    yield Finding(
        "no-proxy-fix",
        "app.wsgi_app",
        f"{reason}, but nothing reads X-Forwarded-For:"
        " all clients without a token share one limit.",
        "Set app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1), where x_for is the number of proxies"
        " (werkzeug.middleware.proxy_fix). If there is no proxy, ignore this finding.",
    )


# -- answers outside the contract


def _hiding_handlers(facts: _Facts) -> Iterator[Finding]:
    caught: dict[int, list[str]] = {}
    functions: dict[int, Callable[..., Any]] = {}
    for scope, code, cls, handler in _handlers(facts):
        if _is_of_contract(cls):
            blueprint = f" of blueprint {scope}" if scope else ""
            functions[id(handler)] = handler
            names = caught.setdefault(id(handler), [])
            names.append(f"errorhandler({code or cls.__name__}){blueprint}")
    for key, handler in functions.items():
        # That of the app gets what no nearer handler answers.
        is_for_crashes = caught[key] == ["errorhandler(Exception)"]
        page = " with an HTML page" if page_in(handler) else ""
        yield Finding(
            "hiding-handler",
            f"{_listed(caught[key])} ({place_of(handler)})",
            f"This handler answers {'crashes' if is_for_crashes else 'errors'}{page} instead of the"
            " contract. The reference page and OpenAPI do not show its response.",
            _remedy_for_handler(facts.state.config),
        )
    for name in facts.winners:
        yield Finding(
            "hiding-handler",
            name,
            "This answers errors instead of the contract."
            " The reference page and OpenAPI do not show its response.",
            "Remove it, or let it return `errors.handle(error)`.",
        )


def _is_of_contract(cls: type[Exception]) -> bool:
    """Whether this package answers a class if no handler of the author's does."""
    return issubclass(cls, HTTPException | ValidationError) or cls is Exception


def _listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = [f"and {len(names) - _MAX_NAMES} more"] if len(names) > _MAX_NAMES else []
    return ", ".join([*names[:_MAX_NAMES], *more])


def _remedy_for_handler(config: Config) -> str:
    if config.url_prefixes:  # a site with pages of its own
        return (
            "Begin it with `if errors.covers(request): return errors.handle(error)`."
            " Outside APIERRORS_URL_PREFIXES, it keeps its pages."
        )
    return "Remove it, or end it with `return errors.handle(error)`."


def _pages_for_unknown_urls(facts: _Facts) -> Iterator[Finding]:
    """Views that answer every URL of the API without a route, and hooks that are earlier."""
    reader = ExitReader(facts.state.exits)
    for prefix in facts.state.config.url_prefixes or ("",):
        rule = rule_at(f"{prefix}{_UNKNOWN_PATH}", "GET", facts.app)
        view = facts.app.view_functions.get(rule.endpoint) if rule is not None else None
        if rule is None or view is None:
            continue
        exits = reader.exits_of(view, "GET", rule.endpoint)
        is_refused = any(getattr(each.error, "code", None) == 404 for each in exits)
        page = page_in(view)
        if page is not None and not is_refused:
            yield Finding(
                "page-for-unknown-urls",
                f"{rule.rule} ({rule.endpoint})",
                f"{page} answers URLs without a route of their own with an HTML page.",
                "Call abort(404) in it for URLs of the API.",
            )
    for hook in facts.app.before_request_funcs.get(None, ()):
        # A function that looks at the URL may leave the API alone.
        names = getattr(getattr(hook, "__code__", None), "co_names", ())
        if page_in(hook) and not {"path", "endpoint", "blueprint", "covers"} & set(names):
            yield Finding(
                "page-for-unknown-urls",
                f"before_request ({place_of(hook)})",
                f"{page_in(hook)} answers with an HTML page before the routing can say 404.",
                "Let it return None if errors.covers(request), or raise an error there.",
            )


def _mounted_apps(facts: _Facts) -> Iterator[Finding]:
    for middleware in deployment.middleware_of(facts.app.wsgi_app):
        mounts = middleware.mounts if isinstance(middleware, DispatcherMiddleware) else {}
        for path, app in mounts.items():
            if isinstance(app, Flask) and "apierrors" not in app.extensions:
                yield Finding(
                    "mounted-app",
                    f"{path} ({app.import_name})",
                    "Another Flask app answers below this path, with Flask's HTML pages.",
                    "Call ApiErrors(app) for that app, too, if it is part of the API.",
                )


def _replaced_methods(facts: _Facts) -> Iterator[Finding]:
    """Methods of the author's that answer errors, and never call those of Flask."""
    for name in ("handle_user_exception", "handle_http_exception", "handle_exception"):
        cls = next(cls for cls in type(facts.app).__mro__ if name in vars(cls))
        code = getattr(vars(cls)[name], "__code__", None)
        if cls is not Flask and code is not None and name not in code.co_names:
            yield Finding(
                "replaced-method",
                f"{cls.__name__}.{name} ({place_of(vars(cls)[name])})",
                "This method answers errors instead of Flask's, which calls the contract.",
                f"Call super().{name}() in it for the URLs of the API, or remove it.",
            )


def _idle_converters(facts: _Facts) -> Iterator[Finding]:
    """Converters for classes that a handler has already."""
    for scope, _, cls, handler in _handlers(facts):
        if scope is None and cls in facts.state.hooks.converters:
            yield Finding(
                "idle-converter",
                f"convert({cls.__name__}) ({place_of(facts.state.hooks.converters[cls])})",
                f"This converter never runs: the handler at {place_of(handler)} has the class.",
                "Remove one of the two.",
            )


def _handlers(
    facts: _Facts,
) -> Iterator[tuple[str | None, int | None, type[Exception], Callable[..., Any]]]:
    """The handlers of the author and of other extensions, except those that call this package."""
    blueprints = {operation.endpoint.rpartition(".")[0] for operation in facts.operations}
    for scope, by_code in facts.app.error_handler_spec.items():
        if scope and not any(f"{name}.".startswith(f"{scope}.") for name in blueprints):
            continue  # a blueprint outside APIERRORS_URL_PREFIXES
        for code, by_class in by_code.items():
            for cls, handler in by_class.items():
                if not _passes_on(handler, facts.state):
                    yield scope, code, cls, handler


def _passes_on(handler: Callable[..., Any], state: AppState) -> bool:
    """Whether a handler is ours, or uses the ``ApiErrors`` of the app."""
    function = handler.func if isinstance(handler, partial) else handler
    if str(getattr(function, "__module__", "")).partition(".")[0] == __package__.partition(".")[0]:
        return True
    try:
        names = inspect.getclosurevars(inspect.unwrap(handler))
    except (TypeError, ValueError):
        return False
    return any(
        inspect.getattr_static(value, "_hooks", None) is state.hooks
        for value in (*names.nonlocals.values(), *names.globals.values())
    )


def _foreign_shapes(facts: _Facts) -> Iterator[Finding]:
    config = facts.state.config
    is_default = ("error", "error") in config.named_members and facts.state.hooks.format is None
    if not is_default or config.adopt:
        return  # the author's own shape, or one that becomes the contract's
    functions = [(operation.endpoint, facts.view(operation)) for operation in facts.operations]
    functions += [
        (f"errorhandler({cls.__name__})", handler)
        for _, _, cls, handler in _handlers(facts)
        if not _is_of_contract(cls)
    ]
    for name, function in {id(function): (name, function) for name, function in functions}.values():
        bodies = list(foreign_bodies(function))
        if bodies:
            statuses = sorted({body.status for body in bodies})
            yield Finding(
                "other-shape",
                f"{name} ({bodies[0].place})",
                f"The body of this {statuses[0]} has no `error` member, unlike all other errors."
                if len(bodies) == 1
                else f"{len(bodies)} error bodies here have no `error` member, unlike all other"
                f" errors. Their statuses: {', '.join(map(str, statuses))}.",
                f'Use `abort({statuses[0]}, "...")`, or raise an ApiError.',
            )


# -- the catalogue


def _ambiguous_codes(facts: _Facts) -> Iterator[Finding]:
    by_code: dict[str, list[type[ApiError]]] = {}
    named = [(code_of_type(cls.type), cls) for cls in classes_of(facts.state) if cls.type]
    for code, cls in sorted(named, key=str):
        by_code.setdefault(code, []).append(cls)
    for code, classes in by_code.items():
        # A class may have the code of its base: it is the same error to a client.
        roots = [cls for cls in classes if not any(base in classes for base in cls.__mro__[1:])]
        if len(roots) > 1:
            names = " and ".join(f"{cls.__module__}.{cls.__qualname__}" for cls in roots)
            yield Finding(
                "ambiguous-code",
                code,
                f"{names} have this code, so clients cannot tell them apart, and the reference"
                " page explains only one of them.",
                "Give each its own `type`.",
            )


def _silent_converters(facts: _Facts) -> Iterator[Finding]:
    """Converters of which nobody knows what they return, for errors that a view raises."""
    for cls, converter in facts.state.hooks.converters.items():
        if facts.raises(cls) and not any(kinds_of_error(cls, facts.state)):
            yield Finding(
                "silent-converter",
                f"convert({cls.__name__}) ({place_of(converter)})",
                "Views raise this class, but the catalogue does not know what it becomes.",
                "Annotate what the converter returns, as in `-> NotFound | Conflict`.",
            )


# -- the configuration


def _late_configuration(facts: _Facts) -> Iterator[Finding]:
    remedy = "Set it before ApiErrors(app) or errors.init_app(app)."
    try:
        current = Config.from_mapping(facts.app.config)
    except ValueError as error:
        key = str(error).partition("APIERRORS_")[2].partition(" ")[0].rstrip(".:")
        yield Finding("late-configuration", f"APIERRORS_{key}", str(error), remedy)
        return
    for name in (each.name for each in fields(Config)):
        if getattr(current, name) != getattr(facts.state.config, name):
            yield Finding(
                "late-configuration",
                f"APIERRORS_{name.upper()}",
                "This key has no effect: it was set after the configuration was read.",
                remedy,
            )


def _misspelt_keys(facts: _Facts) -> Iterator[Finding]:
    known = [value for name, value in vars(ConfigVars).items() if name.isupper()]
    for key in facts.app.config:
        close = get_close_matches(key, known, n=1, cutoff=0.85)
        if close and key not in known:
            yield Finding(
                "unknown-key",
                key,
                f"Nothing reads this key. It looks like {close[0]}.",
                "Correct its name.",
            )


def _replaced_request_class(facts: _Facts) -> Iterator[Finding]:
    if not issubclass(facts.app.request_class, ApiRequest):
        yield Finding(
            "replaced-request-class",
            "app.request_class",
            "The class of requests was replaced after init_app, so request.get_json() accepts what"
            " is not JSON, and its errors have Flask's own messages.",
            "Set app.request_class before ApiErrors(app) or errors.init_app(app).",
        )


# -- authentication


def _unguarded(facts: _Facts) -> Iterator[Finding]:
    """Group the operations by what may guard them, unknown to the catalogue."""
    groups: dict[tuple[str, tuple[PossibleGuard, ...]], list[str]] = {}
    reader = ExitReader(facts.state.exits)
    for operation in unguarded(facts.operations, facts.state):
        code = "unguarded-write" if operation.method in _WRITES else "unguarded"
        if code == "unguarded" and facts.state.hooks.unguarded is None:
            continue
        guards = possible_guards(operation, facts.state, reader)
        refusing = tuple(guard for guard in guards if guard.refuses)
        key = ("unknown-guard", refusing) if refusing else (code, guards)
        where = place_of_operation(operation)
        if not is_ignored(key[0], where, facts.ignored):
            groups.setdefault(key, []).append(where)
    for (code, guards), places in groups.items():
        yield Finding(code, ", ".join(places), *_unguarded_texts(code, guards, len(places)))


def _unguarded_texts(code: str, guards: tuple[PossibleGuard, ...], count: int) -> tuple[str, str]:
    """Return the problem and the remedy of endpoints that no known guard protects."""
    endpoints = "this endpoint" if count == 1 else f"these {count} endpoints"
    more = ["another function"] if len(guards) > _MAX_NAMES else []
    names = " or ".join([*map(str, guards[:_MAX_NAMES]), *more])
    remedy = (
        "Put @requires_auth on the view, or guard the whole app with errors.guard(app,"
        " requires_auth, except_=(...)), where except_ names what is open on purpose."
    )
    if guards:
        remedy = (
            f"If {names} authenticates clients, declare that with errors.declare_guard("
            f"{guards[0].name}, Unauthorized, authenticates=True). Otherwise: {remedy}"
        )
    if code == "unknown-guard":
        problem = f"{names} can refuse requests to {endpoints}, but nothing says if it is a guard."
        return problem, remedy
    subject = "it" if count == 1 else "they"
    writes = f", and {subject} may change data" if code == "unguarded-write" else ""
    return f"Anyone can call {endpoints}{writes}.", remedy


def _idle_guards(facts: _Facts) -> Iterator[Finding]:
    """Patterns of ``errors.guard`` that name no endpoint."""
    for scope in facts.state.hooks.scopes:
        for pattern in scope.idle_patterns(facts.app):
            yield Finding(
                "idle-guard",
                f"errors.guard({pattern!r}, ...)",
                "No endpoint has this name, so each request is a 500: a view could be open.",
                "Correct the name. `flask apierrors routes` lists all endpoints.",
            )
        for pattern in scope.idle_exceptions(facts.app):
            yield Finding(
                "idle-guard",
                f"errors.guard(..., except_=({pattern!r},))",
                "No endpoint has this name, so none is left open.",
                "Correct the name (`flask apierrors routes` lists all endpoints), or remove it.",
            )


def _unknown_schemes(facts: _Facts) -> Iterator[Finding]:
    registered = [scheme.name.lower() for scheme in facts.state.schemes]
    for operation in facts.operations:
        for mark in operation.guards:
            names = mark.values if mark.name in SCHEME_GUARDS else ()
            for name in names if registered else ():
                if name.lower() not in registered:
                    yield Finding(
                        "unknown-scheme",
                        f"@{mark.name}({name!r}) at {operation.endpoint}",
                        "The app has no scheme of this name: every request fails. It has: "
                        f"{', '.join(registered)}.",
                        "Correct the name, or register the scheme.",
                    )


def _no_verifier(facts: _Facts) -> Iterator[Finding]:
    asking = [
        mark.name
        for operation in facts.operations
        for mark in operation.guards
        if AUTHENTICATED.name in (mark.name, *(implied.name for implied in mark.implies))
    ]
    if asking and not facts.state.schemes:
        yield Finding(
            "no-verifier",
            f"@{asking[0]}",
            "Views require authentication, but the app has no way to authenticate: every request to"
            " them fails.",
            "Register a function with @errors.verify_token, or with the hook of another scheme.",
        )


CHECKS: tuple[Callable[[_Facts], Iterator[Finding]], ...] = (
    _prefixes_without_routes,
    _guards_above_route,
    _limits_of_absent_limiter,
    _two_limiters,
    _limits_off,
    _limits_without_effect,
    _weaker_limits,
    _limits_in_memory,
    _unread_forwarded,
    _hiding_handlers,
    _pages_for_unknown_urls,
    _mounted_apps,
    _replaced_methods,
    _idle_converters,
    _foreign_shapes,
    _ambiguous_codes,
    _silent_converters,
    _late_configuration,
    _misspelt_keys,
    _replaced_request_class,
    _unguarded,
    _idle_guards,
    _unknown_schemes,
    _no_verifier,
)
