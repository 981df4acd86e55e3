"""The adapter to Flask-Limiter and to ``limits``, the library below it.

Every name that these two do not document stands here, and nowhere else in the package;
``tests/limits/test_flask_limiter.py`` names them all. Neither is imported before an app needs it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask

from .clients import client_key
from .quotas import Charge, Quota, by_window
from .settings import (
    LIMITING_KEYS,
    LimiterSettings,
    legacy_field_names,
    refuses_without_storage,
    storage_scheme,
    storage_uri,
)

if TYPE_CHECKING:
    from flask_limiter import Limiter, RateLimitExceeded, RequestLimit
    from flask_limiter._limits import RuntimeLimit
    from limits.storage import Storage

#: The attribute by which Flask-Limiter recognizes the wrappers of its decorators.
_WRAPPED_BY = "__wrapper-limiter-instance"


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

    def add_ours(self, limiter: Limiter) -> None:
        """Add a Limiter of this package without reporting it."""
        super().add(limiter)


def limiters_of(app: Flask) -> Collection[Limiter]:
    """Return the Limiters of an app."""
    limiters: Collection[Limiter] = app.extensions.get("limiter", ())
    return limiters


def watch_limiters(app: Flask, adopt: Callable[[Limiter], None]) -> Limiters:
    """Call a function for each Limiter that the app gets from now on."""
    limiters = app.extensions["limiter"] = Limiters(limiters_of(app), adopt)
    return limiters


def make_limiter(
    app: Flask, limiters: Limiters, key_func: Callable[[], str], uri: str, options: dict[str, Any]
) -> Limiter:
    """Make a Limiter with the ``RATELIMIT_*`` configuration, but without its hooks.

    :param key_func: Returns the client of the current request.
    :param uri: The URI of the storage.
    :param options: The options of the storage.
    :raises ValueError: for a storage or a strategy that cannot be right.
    """
    from flask_limiter import Limiter

    limiter = Limiter(key_func, storage_uri=uri, storage_options=options)
    # Flask-Limiter installs no hooks if the app has the Limiter already. Its hooks would look up
    # the limits for each request, even for a view without limits.
    limiters.add_ours(limiter)
    _init(limiter, app)
    if not limiter.enabled:
        # Flask-Limiter's command line expects a storage, which a disabled Limiter does not have.
        limiters.discard(limiter)
    return limiter


def install_hooks(limiter: Limiter, app: Flask, limiters: Limiters) -> None:
    """Install the hooks of a Limiter that was made without them."""
    limiters.discard(limiter)
    limiter.init_app(app)


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


def read_settings(limiter: Limiter, app: Flask, *, hooked: bool) -> LimiterSettings:
    """Read the settings of a Limiter and its app."""
    config = app.config
    return LimiterSettings(
        hooked=hooked,
        key_prefix=limiter._key_prefix,
        on_breach=limiter._on_breach,
        on_meta_breach=limiter._on_meta_breach,
        stops_at_first_breach=limiter._fail_on_first_breach is not False,
        swallows_errors=bool(limiter._swallow_errors),
        has_request_identifier=bool(config.get("RATELIMIT_REQUEST_IDENTIFIER")),
        fallback_limit=config.get("RATELIMIT_IN_MEMORY_FALLBACK"),
        meta_limit=config.get("RATELIMIT_META"),
        limits_vary=hooked or any(callable(config.get(key)) for key in LIMITING_KEYS),
        refuses_without_storage=refuses_without_storage(config),
        legacy_field_names=legacy_field_names(config) if limiter._headers_enabled else (),
    )


def storage_of(limiter: Limiter) -> Storage:
    """Return the storage that a Limiter counts in."""
    return limiter.limiter.storage


def counts_in_memory(limiter: Limiter) -> bool:
    """Return whether each process counts for itself."""
    from limits.storage import MemoryStorage

    return isinstance(storage_of(limiter), MemoryStorage)


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


class QuotaReader:
    """Converts the limits of a Limiter to quotas.

    ``identity`` is the name of an endpoint in the keys of its counters.
    """

    def __init__(self, limiter: Limiter, key_prefix: str) -> None:
        self._limiter = limiter
        self._key_prefix = key_prefix

    def application(self, identity: str, method: str) -> tuple[Quota, ...]:
        """Return the limits of the whole app."""
        limits = self._limiter.limit_manager.application_limits
        return self._quotas("application", limits, identity, method)

    def default(self, identity: str, method: str) -> tuple[Quota, ...]:
        """Return the limits of an endpoint without limits of its own."""
        limits = self._limiter.limit_manager.default_limits
        return self._quotas("default", limits, identity, method)

    def of_hooks(self, app: Flask, endpoint: str, method: str) -> tuple[Quota, ...]:
        """Return the limits that Flask-Limiter's own hooks and decorators count."""
        blueprint = endpoint.rpartition(".")[0] or None
        default, own = self._limiter.limit_manager.resolve_limits(app, endpoint, blueprint)
        return (
            self.application(endpoint, method)
            + self._quotas("default", default, endpoint, method)
            + self._quotas("endpoint", own, endpoint, method)
        )

    def parse(
        self,
        source: str,
        limit: str | Callable[[], str],
        identity: str,
        method: str,
        **options: Any,
    ) -> tuple[Quota, ...]:
        """Return the limits in a text, or in what a function returns.

        :param options: The options of ``Limiter.limit``.
        """
        return self._quotas(source, self._limiter.limit(limit, **options), identity, method)

    def meta(
        self,
        limit: str | Callable[[], str] | None,
        quotas: Iterable[Quota],
        identity: str,
        method: str,
    ) -> tuple[Quota, ...]:
        """Return the limits on how often a client may exceed quotas.

        :param limit: The limit for all quotas, besides those that each quota has.
        """
        limits = list(self._limiter.shared_limit(limit, scope="meta")) if limit else []
        for quota in quotas:
            limits.extend(quota.meta_limits)
        active = [limit for limit in limits if not limit.is_exempt]
        return self._quotas("meta", active, identity, method)

    def _quotas(
        self, source: str, limits: Iterable[RuntimeLimit], identity: str, method: str
    ) -> tuple[Quota, ...]:
        return by_window(
            _quota(source, limit, limit.scope_for(identity, method), self._key_prefix)
            for limit in limits
        )


def _quota(source: str, limit: RuntimeLimit, scope: str, key_prefix: str = "") -> Quota:
    return Quota(
        source,
        limit.limit,
        scope,
        key_prefix,
        key_func=None if limit.key_func is client_key else limit.key_func,
        cost=limit.cost,
        methods=limit.methods,
        exempt_when=limit.exempt_when,
        deduct_when=limit.deduct_when,
        error_message=limit.error_message,
        on_breach=limit.on_breach,
        shared=limit.shared,
        meta_limits=limit.meta_limits or (),
    )


# -- Flask-Limiter's own hooks and decorators


def exceeded_quota(exc: RateLimitExceeded) -> Quota:
    """Return the quota that Flask-Limiter's own 429 is about."""
    return _quota("default", exc.limit, "")


def request_limit(limiter: Limiter, charge: Charge) -> RequestLimit:
    """Describe an exceeded quota as Flask-Limiter does for ``on_breach``."""
    from flask_limiter import RequestLimit

    quota = charge.quota
    identifiers = list(quota.identifiers(charge.client))
    return RequestLimit(limiter, quota.item, identifiers, True, quota.shared)


def reset_time(limit: RequestLimit) -> float:
    """Ask the storage when more of a limit is left, in seconds since the epoch."""
    return limit.window.reset_time


def is_native(view: Any) -> bool:
    """Return whether a view has a decorator of Flask-Limiter."""
    return hasattr(view, _WRAPPED_BY)


def native_limiter_of(view: Any) -> Limiter | None:
    """Return the Limiter whose decorator a view has."""
    limiter: Limiter | None = getattr(view, _WRAPPED_BY, None)
    return limiter


def has_native_limits(limiter: Limiter, view: Any) -> bool:
    """Return whether a Limiter has limits for a function, even one that it does not wrap."""
    from flask_limiter.util import get_qualified_name

    return bool(limiter.limit_manager.decorated_limits(get_qualified_name(view)))
