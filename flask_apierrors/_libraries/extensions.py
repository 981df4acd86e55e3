"""The Flask extensions whose default answers yield to the contract."""

from __future__ import annotations

from .._core.state import Adapter
from . import (
    jwt_extended,
    smorest,
)

ADAPTERS: tuple[Adapter, ...] = (
    jwt_extended.adapt,
    smorest.adapt,
)
