"""The Flask extensions whose default answers yield to the contract."""

from __future__ import annotations

from .._core.state import Adapter
from . import (
    apifairy,
    apiflask,
    authlib,
    flask_pydantic,
    httpauth,
    jwt_extended,
    login,
    openapi3,
    opentelemetry,
    principal,
    restful,
    restx,
    security,
    sentry,
    smorest,
    spectree,
    webargs,
)

ADAPTERS: tuple[Adapter, ...] = (
    apifairy.adapt,
    apiflask.adapt,
    authlib.adapt,
    flask_pydantic.adapt,
    httpauth.adapt,
    jwt_extended.adapt,
    login.adapt,
    openapi3.adapt,
    opentelemetry.adapt,
    principal.adapt,
    restful.adapt,
    restx.adapt,
    security.adapt,
    sentry.adapt,
    smorest.adapt,
    spectree.adapt,
    webargs.adapt,
)
