"""Flask-Limiter in an app: made by its configuration, or the author's own, with a storage that does not fail."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from flask import Flask

from .._core.state import AppState
from .settings import (
    LIMITING_KEYS,
    LimiterSettings,
    check_limits,
    falls_back,
    legacy_field_names,
    refuses_without_storage,
    storage_scheme,
    storage_uri,
)

if TYPE_CHECKING:
    from flask_limiter import Limiter


def make_limiter(app: Flask, state: AppState, key_func: Callable[[], str]) -> Limiter:
    """A Limiter by the ``RATELIMIT_*`` configuration of an app, without its hooks.

    :raises ValueError: for a limit, a storage or a strategy that cannot be right; the message names the remedy.
    """
    from flask_limiter import Limiter

    uri, options = _storage_arguments(app, state.config.retry_after)
    limiter = Limiter(key_func, storage_uri=uri, storage_options=options)
    # Flask-Limiter puts its hooks into an app that does not know it yet. This app shall do without: they look up the
    # limits anew for each request, also to a view that nothing limits.
    limiters: Limiters = app.extensions["limiter"]
    limiters.add_ours(limiter)
    _init(limiter, app)
    if limiter.enabled:
        check_limits(app.config, state.config.rate_limits)
    else:
        limiters.discard(
            limiter
        )  # it has no storage, which Flask-Limiter's command line would ask for
    return limiter


class Limiters(set["Limiter"]):
    """Flask-Limiter's set of the Limiters of an app: tells when the author's own one comes, in whichever order."""

    def __init__(self, limiters: Collection[Limiter], adopt: Callable[[Limiter], None]) -> None:
        super().__init__(limiters)
        self._adopt = adopt

    def add(self, limiter: Limiter) -> None:
        if limiter not in self:
            super().add(limiter)
            self._adopt(limiter)

    def add_ours(self, limiter: Limiter) -> None:
        super().add(limiter)


def _storage_arguments(app: Flask, retry_after: int) -> tuple[str, dict[str, Any]]:
    from .storage import guarded_uri

    uri = storage_uri(app.config)
    if storage_scheme(uri) == "memory":
        return guarded_uri(uri), {}
    return guarded_uri(uri), {"fallback": falls_back(app.config), "retry_after": retry_after}


def guard_storage(limiter: Limiter, app: Flask, retry_after: int) -> None:
    """Put a guard around the storage of a Limiter that its author made; its own decorators then have it too."""
    from limits.storage import MemoryStorage

    from .storage import GuardedStorage

    storage = limiter.limiter.storage
    if not isinstance(storage, MemoryStorage | GuardedStorage):
        limiter.limiter.storage = GuardedStorage(
            storage, fallback=falls_back(app.config), retry_after=retry_after
        )


def _init(limiter: Limiter, app: Flask) -> None:
    """Let the Limiter read its configuration.

    :raises ValueError: instead of what Flask-Limiter and its libraries raise.
    """
    from limits.errors import ConfigurationError
    from limits.strategies import STRATEGIES

    strategy = app.config.get("RATELIMIT_STRATEGY", "fixed-window")
    if strategy not in STRATEGIES:
        raise ValueError(
            f"RATELIMIT_STRATEGY = {strategy!r}: choose from {', '.join(sorted(STRATEGIES))}."
        )
    try:
        limiter.init_app(app)
        if limiter.enabled:
            remote = getattr(limiter.storage, "remote", None)
            STRATEGIES[strategy](remote or limiter.storage)
    except (ConfigurationError, ImportError, TypeError, ValueError) as error:
        raise _storage_error(app, error) from None
    except NotImplementedError:
        raise ValueError(
            f"RATELIMIT_STRATEGY = {strategy!r} needs another storage than RATELIMIT_STORAGE_URI names."
        ) from None


def _storage_error(app: Flask, error: Exception) -> ValueError:
    """Says what is wrong with the storage, without its URI: that may hold a password."""
    scheme = storage_scheme(storage_uri(app.config))
    text = str(error)
    if "unknown storage scheme" in text:
        return ValueError(
            f"RATELIMIT_STORAGE_URI begins with {scheme!r}. Begin it with memory://, redis://, or another storage."
        )
    if "prerequisite" in text or "minimum version" in text or isinstance(error, ImportError):
        driver = scheme.partition("+")[0]
        extra = {"rediss": "redis", "valkeys": "valkey"}.get(driver, driver)
        return ValueError(
            f"RATELIMIT_STORAGE_URI: the driver for {scheme} is missing. Install it: pip install 'limits[{extra}]'."
        )
    return ValueError(
        f"RATELIMIT_STORAGE_URI ({scheme}) or RATELIMIT_STORAGE_OPTIONS cannot be used ({type(error).__name__}). "
        "The first is a URI such as redis://host:6379, the second a dict of options of its driver."
    )


def read_settings(limiter: Limiter, app: Flask, *, hooked: bool) -> LimiterSettings:
    """The settings of a Limiter, and of the app that it limits."""
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


def is_native(view: Any) -> bool:
    """Has a view one of Flask-Limiter's own decorators?"""
    return hasattr(view, "__wrapper-limiter-instance")
