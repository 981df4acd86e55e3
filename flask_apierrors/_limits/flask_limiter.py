"""The adapter to Flask-Limiter and to ``limits``, the library below it.

Every name that these two do not document stands here, and nowhere else in the package;
``tests/limits/test_flask_limiter.py`` names them all. Neither is imported before an app needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from flask import Flask

from .._core.state import AppState
from .clients import client_key
from .quotas import Charge, Quota, by_window, parse_limit

if TYPE_CHECKING:
    from flask_limiter import Limiter, RequestLimit
    from flask_limiter._limits import RuntimeLimit
    from limits.storage import Storage

#: The attribute by which Flask-Limiter recognizes the wrappers of its decorators.
_WRAPPED_BY = "__wrapper-limiter-instance"
#: Keys that limit endpoints whose code has no limit.
LIMITING_KEYS = ("RATELIMIT_DEFAULT", "RATELIMIT_APPLICATION", "RATELIMIT_IN_MEMORY_FALLBACK")
#: Keys whose value is true or false.
_SWITCHES = (
    "RATELIMIT_ENABLED",
    "RATELIMIT_HEADERS_ENABLED",
    "RATELIMIT_SWALLOW_ERRORS",
    "RATELIMIT_FAIL_ON_FIRST_BREACH",
    "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED",
    "RATELIMIT_DEFAULTS_PER_METHOD",
    "RATELIMIT_APPLICATION_PER_METHOD",
)
#: What decorators leave in a Limiter.
_OF_DECORATORS = ("_request_filters", "_marked_for_limiting")
_OF_DECORATORS_IN_MANAGER = (
    "_decorated_limits",
    "_blueprint_limits",
    "_route_exemptions",
    "_blueprint_exemptions",
)


# -- the Limiters of an app


class Limiters(set["Limiter"]):
    """Flask-Limiter's set of the Limiters of an app. It reports each Limiter that is added."""

    def __init__(self, app: Flask, adopt: Callable[[Limiter], None]) -> None:
        super().__init__(limiters_of(app))
        app.extensions["limiter"] = self
        self._adopt = adopt

    def add(self, limiter: Limiter) -> None:
        if limiter not in self:
            super().add(limiter)
            self._adopt(limiter)


def limiters_of(app: Flask) -> Collection[Limiter]:
    """Return the Limiters of an app."""
    limiters: Collection[Limiter] = app.extensions.get("limiter", ())
    return limiters


def make_decorators() -> Limiter:
    """Make a Limiter for the decorators of modules that are imported before there is an app."""
    from flask_limiter import Limiter

    return Limiter(client_key)


def make_limiter(app: Flask, limiters: Limiters, decorators: Limiter | None) -> Limiter:
    """Make a Limiter with the ``RATELIMIT_*`` configuration, but without its hooks.

    :param decorators: A Limiter whose decorators hold for this one, too.
    :raises ValueError: for a storage or a strategy that cannot be right.
    """
    from flask_limiter import Limiter

    from .memory import ProcessMemory

    key_func = app.config.get("RATELIMIT_KEY_FUNC") or client_key
    limiter = Limiter(key_func, storage_uri=f"{ProcessMemory.STORAGE_SCHEME[0]}://")
    if decorators is not None:
        for name in _OF_DECORATORS:
            setattr(limiter, name, getattr(decorators, name))
        for name in _OF_DECORATORS_IN_MANAGER:
            setattr(limiter.limit_manager, name, getattr(decorators.limit_manager, name))
    # Flask-Limiter installs no hooks if the app has the Limiter already. Its hooks would look up
    # the limits for each request, even for a view without limits.
    set.add(limiters, limiter)
    _init(limiter, app)
    if not limiter.enabled:
        # Flask-Limiter's command line expects a storage, which a disabled Limiter does not have.
        limiters.discard(limiter)
    return limiter


def count_instead(limiter: Limiter, count: Callable[[Limiter, str | None], bool]) -> None:
    """Let a function count instead of a Limiter, in its decorators and in its hook.

    :param count: Takes the Limiter, and the name of the decorated function, or ``None`` from the
        hook before each request. Returns whether the request is its own to count.
    """
    if "_check_request_limit" in vars(limiter):
        return  # it has another app with this package
    original = limiter._check_request_limit

    def check(callable_name: str | None = None, in_middleware: bool = True) -> None:
        if not count(limiter, None if in_middleware else callable_name):
            original(callable_name, in_middleware)

    limiter._check_request_limit = check  # type: ignore[method-assign]


def replace_hook(limiter: Limiter, app: Flask) -> None:
    """Put what counts instead of a Limiter into the place of its hook."""
    hooks = app.before_request_funcs[None]
    original = type(limiter)._check_request_limit.__get__(limiter)
    if original in hooks:
        hooks[hooks.index(original)] = limiter._check_request_limit
    # Its after_request function would write fields that this package writes.
    limiter._headers_enabled = False


# -- the configuration


def check_config(config: Mapping[str, Any], by_endpoint: Mapping[str, str | None]) -> None:
    """Check each configured limit, except for functions, and each switch.

    :param by_endpoint: ``APIERRORS_RATE_LIMITS``.
    :raises ValueError: for a limit that cannot be parsed, or a switch that is a text.
    """
    for key in _SWITCHES:
        value = config.get(key)
        if isinstance(value, str):  # it would always be on
            raise ValueError(
                f"{key} = {value!r} is a text. Set it to True or False, and in an environment"
                " variable to true or false."
            )
    if not config.get("RATELIMIT_ENABLED", True):
        return
    for key in (*LIMITING_KEYS, "RATELIMIT_META"):
        value = config.get(key)
        is_object = key == "RATELIMIT_META" and not isinstance(value, str)  # a MetaLimit
        if value and not callable(value) and not is_object:
            parse_limit(value, f"{key} = {value!r}")
    for endpoint, limit in by_endpoint.items():
        if limit is not None:
            parse_limit(limit, f"APIERRORS_RATE_LIMITS: {limit!r} for {endpoint!r}")


def _init(limiter: Limiter, app: Flask) -> None:
    """Initialize a Limiter, and explain the errors of Flask-Limiter and of the drivers."""
    from limits.errors import ConfigurationError
    from limits.strategies import STRATEGIES

    strategy = app.config.get("RATELIMIT_STRATEGY", "fixed-window")
    if strategy not in STRATEGIES:
        choices = ", ".join(sorted(STRATEGIES))
        raise ValueError(f"RATELIMIT_STRATEGY = {strategy!r}: choose from {choices}.")
    try:
        limiter.init_app(app)
        if limiter.enabled:
            limiter._storage_uri = None  # no author chose it
            guard_storage(limiter, app.config)
            STRATEGIES[strategy](getattr(limiter.storage, "remote", None) or limiter.storage)
    except (ConfigurationError, ImportError, TypeError, ValueError) as error:
        raise _storage_error(app.config, error) from None
    except NotImplementedError:
        raise ValueError(
            f"RATELIMIT_STRATEGY = {strategy!r} needs another storage. Choose one in"
            " RATELIMIT_STORAGE_URI that supports the strategy."
        ) from None


def _storage_error(config: Mapping[str, Any], error: Exception) -> ValueError:
    """Explain what is wrong with the storage, without its URI, which may contain a password."""
    text, scheme = str(error), urlsplit(config.get("RATELIMIT_STORAGE_URI") or "memory:").scheme
    if "unknown storage scheme" in text:
        return ValueError(
            f"RATELIMIT_STORAGE_URI begins with {scheme!r}, which is no storage."
            " Begin it with memory://, redis:// or another storage."
        )
    if "prerequisite" in text or "minimum version" in text or isinstance(error, ImportError):
        driver = scheme.partition("+")[0]
        extra = {"rediss": "redis", "valkeys": "valkey"}.get(driver, driver)
        return ValueError(
            f"RATELIMIT_STORAGE_URI: the driver for {scheme} is missing."
            f" Install it: pip install 'limits[{extra}]'."
        )
    return ValueError(
        f"RATELIMIT_STORAGE_URI ({scheme}) or RATELIMIT_STORAGE_OPTIONS cannot be used"
        f" ({type(error).__name__}). The first is a URI such as redis://host:6379, the second a"
        " dict of options for its driver."
    )


# -- a Limiter


def guard_storage(limiter: Limiter, config: Mapping[str, Any]) -> None:
    """Let a Limiter count in memory, or in a remote storage that never fails it.

    :raises ConfigurationError: for an unknown storage.
    :raises ImportError: for a driver that is not installed.
    """
    from .memory import ProcessMemory
    from .storage import GuardedStorage

    uri = limiter._storage_uri or config.get("RATELIMIT_STORAGE_URI") or "memory://"
    storage: Storage = ProcessMemory()
    if urlsplit(uri).scheme != "memory":
        falls_back = bool(
            config.get("RATELIMIT_IN_MEMORY_FALLBACK_ENABLED", True)
            or config.get("RATELIMIT_IN_MEMORY_FALLBACK")
        )
        options: dict[str, Any] = limiter._storage_options
        storage = GuardedStorage(uri, fallback=falls_back, **options)
    limiter._storage = limiter.limiter.storage = storage


class Place(NamedTuple):
    """What a client asks for, as its limits see it."""

    #: The endpoint; empty if no route matches.
    endpoint: str
    #: The name of the endpoint in the keys of its counters.
    identity: str
    #: A method of the route. HEAD runs the view of GET, and a client may invent others.
    method: str

    @property
    def blueprint(self) -> str | None:
        """The name of the blueprint."""
        return self.endpoint.rpartition(".")[0] or None


class LimiterReader:
    """Reads a Limiter: its settings, once, and its limits, which become quotas."""

    def __init__(self, limiter: Limiter, state: AppState) -> None:
        self._limiter = limiter
        self._manager = limiter.limit_manager
        self._state = state
        self._key_prefix = limiter._key_prefix
        #: How often a client may exceed limits.
        self.meta_limits = tuple(limiter._meta_limits)
        identifier: Any = limiter._request_identifier
        fields = {name.name: field for name, field in limiter._header_mapping.items()}
        legacy = tuple(fields[name] for name in ("LIMIT", "REMAINING", "RESET", "RETRY_AFTER"))
        #: Returns the client of a limit without a key function; ``None`` for ``client_key``.
        self.key_func = None if limiter._key_func is client_key else limiter._key_func
        #: Functions that exempt requests from every limit. The author may add more.
        self.filters = limiter._request_filters
        self.on_breach = limiter._on_breach
        self.on_meta_breach = limiter._on_meta_breach
        #: Whether the limits after an exceeded one are only checked, not counted.
        self.stops_at_first_breach = limiter._fail_on_first_breach is not False
        #: Whether requests pass uncounted if the storage fails without a fallback.
        self.swallows_errors = bool(limiter._swallow_errors)
        #: Whether a function names requests in the keys of counters. Otherwise the endpoint does.
        self.names_requests = getattr(identifier, "__module__", "") != "flask_limiter._extension"
        #: Whether every endpoint has other limits while the storage is down.
        self.has_fallback_limits = bool(limiter._in_memory_fallback)
        #: The names of Flask-Limiter's fields for limit, remaining, reset and the wait. Empty: a
        #: response that is no 429 says nothing about limits.
        self.legacy_field_names = legacy if limiter._headers_enabled else ()

    def place_of(self, endpoint: str, method: str) -> Place:
        """Return what a request for an endpoint asks for."""
        identity = self._limiter.identify_request() if self.names_requests else endpoint
        return Place(endpoint, identity, "GET" if method == "HEAD" else method)

    def calls_limited_functions(self, endpoint: str) -> int:
        """Return how many functions with limits of their own were called at an endpoint."""
        return len(self._manager._endpoint_hints.get(endpoint, ()))

    def before_view(self, place: Place, *, has_own: bool) -> tuple[Quota, ...]:
        """Return the limits of the app, and the default or blueprint's limits of an endpoint.

        :param has_own: Whether the view has limits that replace the default ones.
        """
        if not place.endpoint:
            return self._quotas(self._manager.application_limits, place)
        limits = self._manager.resolve_limits(
            self._state.app,
            place.endpoint,
            place.blueprint,
            in_middleware=True,
            marked_for_limiting=has_own
            or self._view_name(place) in self._limiter._marked_for_limiting
            or self.calls_limited_functions(place.endpoint) > 0,
        )
        return self._quotas(chain(*limits), place)

    def of_function(self, place: Place, name: str) -> tuple[Quota, ...]:
        """Return the default limits of an endpoint, and those of a function that it calls."""
        default, own = self._manager.resolve_limits(
            self._state.app, place.endpoint, place.blueprint, name
        )
        quotas = self._quotas(own, place)
        for each in quotas:
            each.repeats = True
        return by_window(self._quotas(default, place) + quotas)

    def of_view(self, place: Place) -> tuple[Quota, ...]:
        """Return the limits of a view with decorators of Flask-Limiter, which count them."""
        name = self._view_name(place)
        return self.of_function(place, name) if name in self._limiter._marked_for_limiting else ()

    def in_fallback(self, place: Place) -> tuple[Quota, ...]:
        """Return the limits of every endpoint while the storage is down."""
        return self._quotas(chain(*self._limiter._in_memory_fallback), place)

    def meta(self, quotas: Iterable[Quota], place: Place) -> tuple[Quota, ...]:
        """Return the limits on how often a client may exceed quotas."""
        from flask_limiter import ExemptionScope

        app = self._state.app
        scope = self._manager.exemption_scope(app, place.endpoint, place.blueprint)
        if scope & ExemptionScope.META:
            return ()
        own = [limit for quota in quotas for limit in quota.limit.meta_limits or ()]
        limits = chain(*self.meta_limits, own)
        return self._quotas([each for each in limits if not each.is_exempt], place)

    def exempts(self, place: Place) -> bool:
        """Return whether ``exempt`` lifts the limits of a view."""
        return bool(self._manager._route_exemptions.get(self._view_name(place)))

    def varies(self) -> bool:
        """Return whether a function returns a limit or a scope of a view without its own."""
        manager = self._manager
        groups = chain(
            manager._application_limits,
            manager._default_limits,
            *manager._blueprint_limits.values(),
        )
        return any(callable(group.limit_provider) or callable(group.scope) for group in groups)

    def parse(self, limit: str, place: Place, **options: Any) -> tuple[Quota, ...]:
        """Return the limits in a text.

        :param options: The options of ``Limiter.limit``.
        """
        return self._quotas(self._limiter.limit(limit, **options), place)

    def _quotas(self, limits: Iterable[RuntimeLimit], place: Place) -> tuple[Quota, ...]:
        return by_window(self._quota(limit, place) for limit in limits)

    def _quota(self, limit: RuntimeLimit, place: Place) -> Quota:
        scope = limit.scope_for(place.identity, place.method)
        key_func = self.key_func if limit.key_func is client_key else limit.key_func
        # What a function returns may be a client's text.
        name = place.identity if callable(limit.scope) else scope
        return Quota(limit, scope, self._key_prefix, key_func, quote(name, safe=":/.<>") or None)

    def _view_name(self, place: Place) -> str:
        return _qualified_name(self._state.app.view_functions.get(place.endpoint))

    def publish(self, charges: Sequence[Charge]) -> None:
        """Tell the Limiter what was counted, for ``current_limit`` and ``current_limits``."""
        limits = [self.request_limit(charge) for charge in charges]
        breached = [limit for limit in limits if limit.breached]
        own = [limit for limit in limits if not limit.shared]
        context = self._limiter.context
        context.view_rate_limits = limits
        context.view_rate_limit = next(iter((*breached, *own, *limits)), None)

    def request_limit(self, charge: Charge) -> RequestLimit:
        """Describe what a request took from a quota as Flask-Limiter does."""
        from flask_limiter import RequestLimit

        item, shared = charge.quota.item, charge.quota.limit.shared
        return RequestLimit(self._limiter, item, list(charge.identifiers), charge.exceeded, shared)


def _qualified_name(view: Any) -> str:
    from flask_limiter.util import get_qualified_name

    return get_qualified_name(view) if view is not None else ""


# -- Flask-Limiter's own decorators


def native_limiter_of(view: Any) -> Limiter | None:
    """Return the Limiter whose decorator a view has."""
    limiter: Limiter | None = getattr(view, _WRAPPED_BY, None)
    return limiter


def has_native_limits(limiter: Limiter, view: Any) -> bool:
    """Return whether a Limiter has limits for a function, even one that it does not wrap."""
    return bool(limiter.limit_manager.decorated_limits(_qualified_name(view)))
