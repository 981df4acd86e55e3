"""The Flask extensions whose default answers yield to the contract."""

from __future__ import annotations

from .._core.state import Adapter
from . import (
    apiflask,
    authlib,
    httpauth,
    jwt_extended,
    login,
    opentelemetry,
    principal,
    restful,
    restx,
    security,
    sentry,
    smorest,
    webargs,
)

ADAPTERS: tuple[Adapter, ...] = (
    apiflask.adapt,
    authlib.adapt,
    httpauth.adapt,
    jwt_extended.adapt,
    login.adapt,
    opentelemetry.adapt,
    principal.adapt,
    restful.adapt,
    restx.adapt,
    security.adapt,
    sentry.adapt,
    smorest.adapt,
    webargs.adapt,
)
