"""The Flask extensions whose default answers yield to the contract."""

from __future__ import annotations

from .._core.state import Adapter
from . import (
    httpauth,
    jwt_extended,
    login,
    principal,
    restful,
    restx,
    smorest,
    webargs,
)

ADAPTERS: tuple[Adapter, ...] = (
    httpauth.adapt,
    jwt_extended.adapt,
    login.adapt,
    principal.adapt,
    restful.adapt,
    restx.adapt,
    smorest.adapt,
    webargs.adapt,
)
