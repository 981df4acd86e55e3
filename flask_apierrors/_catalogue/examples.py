"""Exceptions as they are raised at a route: the catalogue makes its examples of them, by what makes the real answers."""

from __future__ import annotations

from marshmallow import ValidationError

from .._core.errors import ApiError, Sentence, default_sentence
from .._core.state import AppState
from .._guards.authentication import insufficient_scope
from .._guards.json_body import unsupported_media_type
from .._limits.quotas import Quota, QuotaExceeded, quota_exceeded
from .causes import Kind
from .routes import Route


def example_exception(kind: Kind, route: Route, state: AppState) -> Exception:
    """An exception as it is raised at a route."""
    if kind.cls is QuotaExceeded and route.limits.quotas:
        return _quota_exceeded(route.limits.quotas[0])
    if kind.cls is not None:
        # The __init__ of an author's class may want anything: the one of ApiError is enough for an example.
        exc = kind.cls.__new__(kind.cls)
        ApiError.__init__(exc)
        return exc
    if kind.type == "validation-failed":
        return ValidationError({"limit": ["Not a valid integer."]})
    make = _EXAMPLES.get(kind.status)
    return make(route, state) if make else ApiError(status=kind.status)


def _values(route: Route, *names: str) -> tuple[str, ...]:
    """What the guards of these names were given."""
    return tuple(str(value) for mark in route.marks if mark.name in names for value in mark.values)


def _forbidden(route: Route, state: AppState) -> ApiError:
    names = _values(route, "requires_permissions")
    return ApiError(
        status=403, headers=insufficient_scope(state.config.realm, names) if names else None
    )


def _quota_exceeded(quota: Quota) -> ApiError:
    """A 429 in the middle of the window, with the fields that the answer gets from what was counted."""
    seconds = max(1, quota.window // 2)
    exc = quota_exceeded(quota.runtime, seconds, [quota.source])
    exc.headers = (
        ("RateLimit", f'"{quota.source}";r=0;t={seconds}'),
        ("RateLimit-Policy", quota.policy),
    )
    return exc


def _method_not_allowed(route: Route, state: AppState) -> ApiError:
    return ApiError(status=405, headers={"Allow": ", ".join(route.allowed)})


def _not_acceptable(route: Route, state: AppState) -> ApiError:
    media_types = _values(route, "produces")
    sentence = f"{default_sentence(406)} Available: {', '.join(media_types)}."
    return ApiError(Sentence(sentence) if media_types else None, status=406)


def _content_too_large(route: Route, state: AppState) -> ApiError:
    most = state.app.config.get("MAX_CONTENT_LENGTH")
    sentence = f"The request body is larger than {most} bytes."
    return ApiError(None if most is None else Sentence(sentence), status=413)


def _unsupported_media_type(route: Route, state: AppState) -> ApiError:
    media_types = _values(route, "consumes") or ("application/json",)
    return unsupported_media_type(media_types, route.method)


_EXAMPLES = {
    403: _forbidden,
    405: _method_not_allowed,
    406: _not_acceptable,
    413: _content_too_large,
    415: _unsupported_media_type,
}
