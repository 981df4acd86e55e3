"""Authlib: what its ``ResourceProtector`` refuses, and what it means on a view.

Authlib's endpoints for OAuth clients are no part of this: they answer as RFC 6749 section 5.2 says.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask

from .._core.errors import ApiError, InvalidToken
from .._core.http import HeaderPairs, challenge, has_field, header_pairs
from .._core.marks import Mark
from .._core.state import AppState, app_state
from .closures import closure_of

_WRAPPERS = "authlib.integrations.flask_oauth2.resource_protector"
_BEARER = {"type": "http", "scheme": "bearer"}


def adapt(app: Flask, state: AppState) -> Iterable[str]:
    """Answer what a ``ResourceProtector`` raises, unless the author raises something else."""
    module = sys.modules.get("authlib.integrations.flask_oauth2.errors")
    if module is not None:
        state.converters[module._HTTPException] = _refusal
    return ()


def _refusal(exc: Any) -> ApiError:
    """Keep the words and the fields of an exception that has an OAuth body."""
    body: dict[str, Any] = json.loads(exc.body)
    error = body.pop("error", None)
    text = body.pop("error_description", None)
    headers: HeaderPairs = header_pairs(exc.headers)
    if exc.code == 401 and error == "invalid_token":
        return InvalidToken(text, headers=headers, **body)
    if exc.code in (401, 403) and not has_field(headers, "WWW-Authenticate"):
        # RFC 6750 section 3
        value = challenge("Bearer", **dict(app_state().config.challenge_parameters), error=error)
        headers += (("WWW-Authenticate", value),)
    return ApiError(text, status=exc.code, headers=headers, **body)


def guard_mark(wrapper: Callable[..., Any]) -> Mark | None:
    """Tell what ``@require_oauth(...)`` means."""
    variables = closure_of(wrapper, _WRAPPERS, "decorated")
    if variables is None:
        return None
    is_optional = bool(variables["optional"])
    scopes = variables["claims"]["scopes"] or ()
    scopes = (scopes,) if isinstance(scopes, str) else tuple(scopes)
    condition = f"{'Accepts' if is_optional else 'Needs'} a Bearer token"
    if scopes:
        condition += f" with the scope {' or '.join(f'`{scope}`' for scope in scopes)}"
    return Mark(
        "require_oauth",
        scopes,
        statuses=(401, 403) if scopes else (401,),
        errors=(InvalidToken,),
        condition=f"{condition}.",
        authenticates=not is_optional,
        # Each text names scopes that a client needs together. Several texts are alternatives.
        permissions=tuple(scopes[0].split()) if len(scopes) == 1 else (),
        security={"Bearer": _BEARER},
    )
