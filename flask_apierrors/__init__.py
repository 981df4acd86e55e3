"""One error contract for a whole Flask API."""

from ._core.errors import ApiError as ApiError
from ._core.errors import FieldError as FieldError
from ._core.errors import InvalidToken as InvalidToken
from ._core.errors import Problem as Problem
from ._extension import ApiErrors as ApiErrors
from ._guards.authentication import current_principal as current_principal
from ._guards.authentication import requires_auth as requires_auth
from ._guards.authentication import requires_permissions as requires_permissions
from ._guards.guard import Check as Check
from ._guards.guard import Order as Order
from ._guards.guard import guard as guard
from ._guards.marks import Mark as Mark
from ._guards.marks import raises as raises
from ._guards.media_types import consumes as consumes
from ._guards.media_types import negotiated_type as negotiated_type
from ._guards.media_types import produces as produces
from ._guards.media_types import requires_json as requires_json
from ._limits.rate_limit import rate_limit as rate_limit
