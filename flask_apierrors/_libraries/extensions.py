"""The Flask extensions whose default answers yield to the contract."""

from __future__ import annotations

from .._core.state import Adapter
from . import (
    apiflask,
    authlib,
    httpauth,
    jwt_extended,
    login,
    principal,
    restful,
    restx,
    security,
    smorest,
    webargs,
)

ADAPTERS: tuple[Adapter, ...] = (
    apiflask.adapt,
    authlib.adapt,
    httpauth.adapt,
    jwt_extended.adapt,
    login.adapt,
    principal.adapt,
    restful.adapt,
    restx.adapt,
    security.adapt,
    smorest.adapt,
    webargs.adapt,
)
