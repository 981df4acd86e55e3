"""One error contract for a whole Flask API."""

from .auth import current_principal as current_principal
from .auth import requires_auth as requires_auth
from .auth import requires_permissions as requires_permissions
from .errors import ApiError as ApiError
from .errors import FieldError as FieldError
from .errors import InvalidToken as InvalidToken
from .errors import Problem as Problem
from .extension import ApiErrors as ApiErrors
from .marks import raises as raises
from .media_types import consumes as consumes
from .media_types import negotiated_type as negotiated_type
from .media_types import produces as produces
from .media_types import requires_json as requires_json
from .rate_limits import rate_limit as rate_limit
