"""Flask-Limiter in an app: made by its configuration, or the author's own, with a storage that does not fail."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from flask import Flask

from .._core.state import AppState

if TYPE_CHECKING:
    from flask_limiter import Limiter
    from limits import RateLimitItem

_REMEDY = "Write it as '10 per second', '100/hour', or several as '10/second; 100/hour'."
#: What gives an endpoint limits without a word in its code.
LIMITING_KEYS = ("RATELIMIT_DEFAULT", "RATELIMIT_APPLICATION", "RATELIMIT_IN_MEMORY_FALLBACK")


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
        _check_limits(app, state.config.rate_limits)
    else:
        limiters.discard(
            limiter
        )  # it has no storage, which Flask-Limiter's command line would ask for
    return limiter


def parse_limit(text: Any, source: str) -> list[RateLimitItem]:
    """Read a limit, or several.

    :param source: Where it was found, for the message.
    :raises ValueError: when it cannot be read.
    """
    from limits import parse_many

    try:
        return parse_many(text)
    except ValueError:
        raise ValueError(f"{source} is not a rate limit. {_REMEDY}") from None


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
    from .storage import guarded_uri, storage_scheme

    uri = app.config.get("RATELIMIT_STORAGE_URI") or "memory://"
    if storage_scheme(uri) == "memory":
        return guarded_uri(uri), {}
    return guarded_uri(uri), {"fallback": falls_back(app), "retry_after": retry_after}


def falls_back(app: Flask) -> bool:
    """Are requests counted in memory while the storage is away? Unless the administrator says no."""
    return bool(
        app.config.get("RATELIMIT_IN_MEMORY_FALLBACK_ENABLED", True)
        or app.config.get("RATELIMIT_IN_MEMORY_FALLBACK")
    )


def guard_storage(limiter: Limiter, app: Flask, retry_after: int) -> None:
    """Put a guard around the storage of a Limiter that its author made; its own decorators then have it too."""
    from limits.storage import MemoryStorage

    from .storage import GuardedStorage

    storage = limiter.limiter.storage
    if not isinstance(storage, MemoryStorage | GuardedStorage):
        limiter.limiter.storage = GuardedStorage(
            storage, fallback=falls_back(app), retry_after=retry_after
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
    from .storage import storage_scheme

    scheme = storage_scheme(app.config.get("RATELIMIT_STORAGE_URI") or "memory://")
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


def _check_limits(app: Flask, by_endpoint: Mapping[str, str | None]) -> None:
    """Read each configured limit now. What a function gives can be read only when it is asked.

    :raises ValueError: for one that cannot be read.
    """
    for key in (*LIMITING_KEYS, "RATELIMIT_META"):
        value = app.config.get(key)
        if value and not callable(value):
            parse_limit(value, f"{key} = {value!r}")
    for endpoint, limit in by_endpoint.items():
        if limit is not None:
            parse_limit(limit, f"APIERRORS_RATE_LIMITS: {limit!r} for {endpoint!r}")


def legacy_field_names(app: Flask) -> tuple[str, str, str]:
    """The fields of ``RATELIMIT_HEADERS_ENABLED``, which came before the standard's."""
    name = app.config.get
    return (
        name("RATELIMIT_HEADER_LIMIT", "X-RateLimit-Limit"),
        name("RATELIMIT_HEADER_REMAINING", "X-RateLimit-Remaining"),
        name("RATELIMIT_HEADER_RESET", "X-RateLimit-Reset"),
    )


def is_native(view: Any) -> bool:
    """Has a view one of Flask-Limiter's own decorators?"""
    return hasattr(view, "__wrapper-limiter-instance")
