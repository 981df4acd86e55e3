"""Makes the exceptions that the examples of the catalogue show."""

from __future__ import annotations

from .._core.errors import ApiError
from .._core.sentences import Sentence
from .._core.state import AppState
from .._libraries.marshmallow import example_error
from .._limits.fields import rate_limit_fields
from .._limits.quotas import Charge, Quota
from .._limits.refusals import QuotaExceeded, describe, quota_exceeded
from .causes import Kind
from .routes import Route


def example_exception(kind: Kind, route: Route, state: AppState) -> Exception:
    """Make an exception as a route raises it."""
    if kind.cls is QuotaExceeded and route.limits.quotas:
        return _quota_exceeded(route.limits.quotas[0])
    if kind.cls is not None:
        # An author's __init__ may need arguments. That of ApiError is enough for an example.
        exc = kind.cls.__new__(kind.cls)
        ApiError.__init__(exc, status=kind.status)
        return exc
    if kind.code == "validation-failed":
        return example_error()
    if kind.status == 405:
        return ApiError(status=405, headers={"Allow": ", ".join(route.allowed)})
    if kind.status == 413 and (limit := state.app.config.get("MAX_CONTENT_LENGTH")) is not None:
        return ApiError(Sentence(413, limit=limit), status=413)
    return _refusal(kind.status, route, state) or ApiError(status=kind.status)


def _refusal(status: int, route: Route, state: AppState) -> Exception | None:
    """Make the exception that a guard of the route raises for a status."""
    for mark in route.marks:
        if mark.refusal is not None and status in mark.statuses:
            refusal = mark.refusal(status, route.method, state)
            if refusal is not None:
                return refusal
    return None


def _quota_exceeded(quota: Quota) -> ApiError:
    """Make a 429 in the middle of a window, with the header fields that a count adds."""
    seconds = max(1, quota.window // 2)
    charge = Charge(quota, "", quota.amount)
    charge.reset = seconds
    fields, _ = rate_limit_fields([charge], charge)
    return quota_exceeded(describe(quota.text, seconds, [quota.name], fields))
