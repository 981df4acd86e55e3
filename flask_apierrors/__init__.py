"""One error contract for a whole Flask API."""

from typing import TYPE_CHECKING

from ._core.errors import (
    ApiError,
    FieldError,
    InvalidCredentials,
    InvalidToken,
    Problem,
    ValidationFailed,
)
from ._core.header_fields import EXPOSED_HEADERS
from ._core.marks import Mark
from ._core.scheme import Scheme
from ._core.signals import error_answered
from ._core.state import request_id
from ._extension import ApiErrors
from ._guards.authentication import current_principal, optional_auth, requires_auth
from ._guards.guard import Check, Order, guard
from ._guards.media_types import consumes, negotiated_type, produces, requires_json
from ._guards.permissions import check_permissions, requires_permissions
from ._guards.raises import raises
from ._limits.clients import client_key
from ._limits.rate_limit import rate_limit

if TYPE_CHECKING:
    from ._catalogue.catalogue import catalogue
    from ._catalogue.model import Catalogue, Entry, HeaderField, Occurrence, Operation
else:
    # Not for type checkers: to them, a module with `__getattr__` has every name.
    def __getattr__(name):
        """Import the catalogue when it is first used: most processes never need it."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from ._catalogue import model
        from ._catalogue.catalogue import catalogue

        return catalogue if name == "catalogue" else getattr(model, name)


__all__ = [
    "EXPOSED_HEADERS",
    "ApiError",
    "ApiErrors",
    "Catalogue",
    "Check",
    "Entry",
    "FieldError",
    "HeaderField",
    "InvalidCredentials",
    "InvalidToken",
    "Mark",
    "Occurrence",
    "Operation",
    "Order",
    "Problem",
    "Scheme",
    "ValidationFailed",
    "catalogue",
    "check_permissions",
    "client_key",
    "consumes",
    "current_principal",
    "error_answered",
    "guard",
    "negotiated_type",
    "optional_auth",
    "produces",
    "raises",
    "rate_limit",
    "request_id",
    "requires_auth",
    "requires_json",
    "requires_permissions",
]


def __dir__() -> list[str]:
    return __all__
