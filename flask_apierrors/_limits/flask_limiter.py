"""The adapter to Flask-Limiter and to ``limits``, the library below it.

Every name that these two do not document stands here, and nowhere else in the package;
``tests/limits/test_flask_limiter.py`` names them all. Neither is imported before an app needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Flask

from .clients import client_key
from .quotas import Charge, Quota, by_window
from .settings import LimiterSettings, refuses_without_storage, storage_scheme, storage_uri

if TYPE_CHECKING:
    from flask_limiter import Limiter, RequestLimit
    from flask_limiter._limits import RuntimeLimit
    from limits.storage import Storage

#: The attribute by which Flask-Limiter recognizes the wrappers of its decorators.
_WRAPPED_BY = "__wrapper-limiter-instance"
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

    def __init__(self, limiters: Collection[Limiter], adopt: Callable[[Limiter], None]) -> None:
        super().__init__(limiters)
        self._adopt = adopt

    def add(self, limiter: Limiter) -> None:
        if limiter not in self:
            super().add(limiter)
            self._adopt(limiter)


def limiters_of(app: Flask) -> Collection[Limiter]:
    """Return the Limiters of an app."""
    limiters: Collection[Limiter] = app.extensions.get("limiter", ())
    return limiters


def watch_limiters(app: Flask, adopt: Callable[[Limiter], None]) -> Limiters:
    """Call a function for each Limiter that the app gets from now on."""
    limiters = app.extensions["limiter"] = Limiters(limiters_of(app), adopt)
    return limiters


def make_limiter(app: Flask, limiters: Limiters, uri: str, options: dict[str, Any]) -> Limiter:
    """Make a Limiter with the ``RATELIMIT_*`` configuration, but without its hooks.

    :param uri: The URI of the storage.
    :param options: The options of the storage.
    :raises ValueError: for a storage or a strategy that cannot be right.
    """
    from flask_limiter import Limiter

    key_func = app.config.get("RATELIMIT_KEY_FUNC") or client_key
    limiter = Limiter(key_func, storage_uri=uri, storage_options=options)
    # Flask-Limiter installs no hooks if the app has the Limiter already. Its hooks would look up
    # the limits for each request, even for a view without limits.
    set.add(limiters, limiter)
    _init(limiter, app)
    if not limiter.enabled:
        # Flask-Limiter's command line expects a storage, which a disabled Limiter does not have.
        limiters.discard(limiter)
    return limiter


def make_decorators() -> Limiter:
    """Make a Limiter for the decorators of modules that are imported before there is an app."""
    from flask_limiter import Limiter

    return Limiter(client_key)


def share_decorators(limiter: Limiter, decorators: Limiter) -> None:
    """Let the limits of :func:`make_decorators` hold for the Limiter of an app."""
    for name in _OF_DECORATORS:
        setattr(limiter, name, getattr(decorators, name))
    for name in _OF_DECORATORS_IN_MANAGER:
        setattr(limiter.limit_manager, name, getattr(decorators.limit_manager, name))


def count_instead(limiter: Limiter, count: Callable[[str | None, bool], bool]) -> None:
    """Let a function count instead of a Limiter, in its decorators and in its hook.

    :param count: Takes the name of the decorated function, and whether it is called by the hook
        before each request. Returns whether the request is its own to count.
    """
    if "_check_request_limit" in vars(limiter):
        return  # it has another app with this package
    original = limiter._check_request_limit

    def check(callable_name: str | None = None, in_middleware: bool = True) -> None:
        if not count(callable_name, in_middleware):
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
            STRATEGIES[strategy](getattr(limiter.storage, "remote", None) or limiter.storage)
    except (ConfigurationError, ImportError, TypeError, ValueError) as error:
        raise _storage_error(storage_scheme(storage_uri(app.config)), error) from None
    except NotImplementedError:
        raise ValueError(
            f"RATELIMIT_STRATEGY = {strategy!r} needs another storage. Choose one in"
            " RATELIMIT_STORAGE_URI that supports the strategy."
        ) from None


def _storage_error(scheme: str, error: Exception) -> ValueError:
    """Explain what is wrong with the storage, without its URI, which may contain a password."""
    text = str(error)
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


def read_settings(limiter: Limiter, app: Flask) -> LimiterSettings:
    """Read the settings of a Limiter, which its app and its constructor configured."""
    from limits.storage import MemoryStorage

    storage = limiter.limiter.storage
    scheme = getattr(getattr(storage, "remote", storage), "STORAGE_SCHEME", ())
    config = app.config
    identifier: Any = limiter._request_identifier
    fields = {name.name: field for name, field in limiter._header_mapping.items()}
    legacy = tuple(fields[name] for name in ("LIMIT", "REMAINING", "RESET", "RETRY_AFTER"))
    return LimiterSettings(
        key_func=None if limiter._key_func is client_key else limiter._key_func,
        key_prefix=limiter._key_prefix,
        filters=limiter._request_filters,
        counts_in_memory=isinstance(storage, MemoryStorage),
        gives_back="memcached" not in scheme,
        on_breach=limiter._on_breach,
        on_meta_breach=limiter._on_meta_breach,
        stops_at_first_breach=limiter._fail_on_first_breach is not False,
        swallows_errors=bool(limiter._swallow_errors),
        has_request_identifier=getattr(identifier, "__module__", "") != "flask_limiter._extension",
        fallback_limits=tuple(limiter._in_memory_fallback),
        meta_limits=tuple(limiter._meta_limits),
        refuses_without_storage=refuses_without_storage(config),
        legacy_field_names=legacy if limiter._headers_enabled else (),
    )


def storage_uri_of(limiter: Limiter) -> str | None:
    """Return the URI that an author gave to his Limiter, if he did."""
    return limiter._storage_uri


def storage_options_of(limiter: Limiter) -> dict[str, Any]:
    """Return the options of the storage of a Limiter, from its author and the configuration."""
    return limiter._storage_options


def replace_storage(limiter: Limiter, storage: Storage) -> None:
    """Make a Limiter count in another storage."""
    limiter._storage = limiter.limiter.storage = storage


def driver_of(storage: Storage | None) -> Any:
    """Return the driver's client of a storage, or ``None``."""
    return getattr(storage, "storage", None)


def publish(limiter: Limiter, charges: Sequence[Charge]) -> None:
    """Tell a Limiter what was counted, for ``current_limit`` and ``current_limits``."""
    limits = [request_limit(limiter, charge) for charge in charges]
    breached = [limit for limit in limits if limit.breached]
    context = limiter.context
    context.view_rate_limits = limits
    own = [limit for limit in limits if not limit.shared]
    context.view_rate_limit = next(iter((*breached, *own, *limits)), None)


def request_limit(limiter: Limiter, charge: Charge) -> RequestLimit:
    """Describe what a request took from a quota as Flask-Limiter does."""
    from flask_limiter import RequestLimit

    quota = charge.quota
    identifiers = list(quota.identifiers(charge.client))
    return RequestLimit(limiter, quota.item, identifiers, charge.exceeded, quota.limit.shared)


class QuotaReader:
    """Converts the limits of a Limiter to quotas.

    ``identity`` is the name of an endpoint in the keys of its counters.
    """

    def __init__(self, limiter: Limiter, settings: LimiterSettings) -> None:
        self._limiter = limiter
        self._manager = limiter.limit_manager
        self._settings = settings

    def calls_limited_functions(self, endpoint: str) -> int:
        """Return how many functions with limits of their own were called at an endpoint."""
        return len(self._manager._endpoint_hints.get(endpoint, ()))

    def application(self, identity: str, method: str) -> tuple[Quota, ...]:
        """Return the limits of the whole app."""
        return self.quotas(self._manager.application_limits, identity, method)

    def before_view(
        self, app: Flask, endpoint: str, identity: str, method: str, *, has_own: bool
    ) -> tuple[Quota, ...]:
        """Return the limits of the app, and the default or blueprint's limits of an endpoint.

        :param has_own: Whether the view has limits that replace the default ones.
        """
        name = _qualified_name(app.view_functions.get(endpoint))
        is_marked = has_own or name in self._limiter._marked_for_limiting
        limits = self._manager.resolve_limits(
            app,
            endpoint,
            endpoint.rpartition(".")[0] or None,
            in_middleware=True,
            marked_for_limiting=is_marked or self.calls_limited_functions(endpoint) > 0,
        )
        return self.quotas(chain(*limits), identity, method)

    def of_function(
        self, app: Flask, endpoint: str, identity: str, method: str, name: str
    ) -> tuple[tuple[Quota, ...], tuple[Quota, ...]]:
        """Return the default limits of an endpoint, and those of a function that it calls."""
        blueprint = endpoint.rpartition(".")[0] or None
        default, own = self._manager.resolve_limits(app, endpoint, blueprint, name)
        return self.quotas(default, identity, method), self.quotas(own, identity, method)

    def of_view(self, app: Flask, endpoint: str, identity: str, method: str) -> tuple[Quota, ...]:
        """Return the limits of a view with decorators of Flask-Limiter, which count them."""
        name = _qualified_name(app.view_functions.get(endpoint))
        if name not in self._limiter._marked_for_limiting:
            return ()
        default, own = self.of_function(app, endpoint, identity, method, name)
        return default + own

    def lifts_declarations(self, view: Any) -> bool:
        """Return whether ``exempt`` lifts the limits that are declared for a view."""
        return bool(self._manager._route_exemptions.get(_qualified_name(view)))

    def is_exempt_from_meta(self, app: Flask, endpoint: str) -> bool:
        """Return whether ``exempt`` lifts the limits on how often limits are exceeded."""
        from flask_limiter import ExemptionScope

        blueprint = endpoint.rpartition(".")[0] or None
        return bool(self._manager.exemption_scope(app, endpoint, blueprint) & ExemptionScope.META)

    def varies(self) -> bool:
        """Return whether a function returns a limit or a scope of a view without its own."""
        manager = self._manager
        groups = chain(
            manager._application_limits,
            manager._default_limits,
            *manager._blueprint_limits.values(),
        )
        return any(callable(group.limit_provider) or callable(group.scope) for group in groups)

    def parse(
        self, limit: str | Callable[[], str | None], identity: str, method: str, **options: Any
    ) -> tuple[Quota, ...]:
        """Return the limits in a text, or in what a function returns.

        :param options: The options of ``Limiter.limit``.
        """
        provider: Any = limit
        return self.quotas(self._limiter.limit(provider, **options), identity, method)

    def meta(self, quotas: Iterable[Quota], identity: str, method: str) -> tuple[Quota, ...]:
        """Return the limits on how often a client may exceed quotas."""
        own = [limit for quota in quotas for limit in quota.limit.meta_limits or ()]
        limits = chain(*self._settings.meta_limits, own)
        return self.quotas([each for each in limits if not each.is_exempt], identity, method)

    def quotas(
        self, limits: Iterable[RuntimeLimit], identity: str, method: str
    ) -> tuple[Quota, ...]:
        """Convert limits to quotas, the shortest window first."""
        return by_window(self._quota(limit, identity, method) for limit in limits)

    def _quota(self, limit: RuntimeLimit, identity: str, method: str) -> Quota:
        scope = limit.scope_for(identity, method)
        key_func = self._settings.key_func if limit.key_func is client_key else limit.key_func
        # What a function returns may be a client's text.
        name = identity if callable(limit.scope) else scope
        return Quota(
            limit, scope, self._settings.key_prefix, key_func, quote(name, safe=":/.<>") or None
        )


def _qualified_name(view: Any) -> str:
    from flask_limiter.util import get_qualified_name

    return get_qualified_name(view) if view is not None else ""


# -- Flask-Limiter's own decorators


def is_native(view: Any) -> bool:
    """Return whether a view has a decorator of Flask-Limiter."""
    return hasattr(view, _WRAPPED_BY)


def native_limiter_of(view: Any) -> Limiter | None:
    """Return the Limiter whose decorator a view has."""
    limiter: Limiter | None = getattr(view, _WRAPPED_BY, None)
    return limiter


def has_native_limits(limiter: Limiter, view: Any) -> bool:
    """Return whether a Limiter has limits for a function, even one that it does not wrap."""
    return bool(limiter.limit_manager.decorated_limits(_qualified_name(view)))
