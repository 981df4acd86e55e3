"""Flask-JWT-Extended: what its default loaders say, and what ``jwt_required`` means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import FunctionType
from typing import Any

from flask import Flask

from .._core.errors import ApiError, InvalidToken
from .._core.http import challenge
from .._core.marks import Mark
from .._core.road import displace_handlers
from .._core.sentences import Sentence
from .._core.state import AppState, app_state
from .closures import closure_of

_DEFAULT_LOADERS = "flask_jwt_extended.default_callbacks"
#: The classes whose own text may hold what a client sent, or that say more in other words.
_SENTENCES = {
    "ExpiredSignatureError": "expired-token",
    "ImmatureSignatureError": "immature-token",
    "InvalidAudienceError": "wrong-audience",
    "InvalidIssuerError": "wrong-issuer",
    "InvalidSignatureError": "wrong-signature",
    "MissingRequiredClaimError": "missing-claim",
    "InvalidTokenError": "unverifiable-token",
    "RevokedTokenError": "revoked-token",
    "UserLookupError": "unknown-user",
}


def adapt(app: Flask, state: AppState) -> Iterable[str]:
    """Answer what the manager's handlers answer with a default loader.

    A loader of the author's wins. It is named as the handler that calls it.
    """
    manager = app.extensions.get("flask-jwt-extended")

    def is_default(handler: Callable[..., Any]) -> bool:
        if not _is_of_manager(handler):
            return False
        loader = getattr(manager, _name_of_loader(handler), None)
        is_own = getattr(loader, "__module__", None) != _DEFAULT_LOADERS
        if is_own:
            handler.__wrapped__ = loader  # type: ignore[attr-defined]
        return not is_own

    if manager is not None:
        displace_handlers(app, state, is_default)
        state.converters |= {
            cls: _refusal for cls, handler in state.displaced.items() if _is_of_manager(handler)
        }
    return ()


def _is_of_manager(handler: object) -> bool:
    return getattr(handler, "__module__", None) == "flask_jwt_extended.jwt_manager"


def _name_of_loader(handler: Any) -> str:
    """Return the attribute of the manager that a handler of its calls."""
    return next((name for name in handler.__code__.co_names if name.endswith("_callback")), "")


def _refusal(exc: Exception) -> ApiError:
    """Make the 401 of one of its exceptions."""
    names = [cls.__name__ for cls in type(exc).__mro__]
    config = app_state().app.config
    scheme = _scheme(config) if "headers" in config["JWT_TOKEN_LOCATION"] else None
    if "NoAuthorizationError" in names or "CSRFError" in names:
        return _without_token(str(exc), scheme)
    if "FreshTokenRequired" in names:
        # RFC 9470 section 3. After `invalid_token` a client would come with a refreshed token.
        error = "insufficient_user_authentication"
        sentence = Sentence("fresh-token-required")
        return ApiError(sentence, status=401, headers=_challenge(scheme, error, sentence))
    key = next((_SENTENCES[name] for name in names if name in _SENTENCES), None)
    sentence = Sentence(key) if key else _sentence_with_reason(str(exc))
    return InvalidToken(sentence, headers=_challenge(scheme, "invalid_token", sentence))


def _without_token(reason: str, scheme: str | None) -> ApiError:
    is_plain = reason == "Missing Authorization Header"
    sentence = Sentence(401) if is_plain else _sentence_with_reason(reason)
    return ApiError(sentence, status=401, headers=_challenge(scheme))


def _sentence_with_reason(text: str) -> Sentence:
    """Say a reason of the library's. It names what the app's configuration does."""
    first = text[:1] if text[:2].isupper() else text[:1].lower()  # CSRF stays
    return Sentence("authentication-failed", reason=first + text[1:].rstrip("."))


def _scheme(config: Mapping[str, Any]) -> str | None:
    """Return the scheme of the tokens in the ``Authorization`` header, if they have one."""
    is_usual = config["JWT_HEADER_NAME"].lower() == "authorization"
    return (config["JWT_HEADER_TYPE"] or None) if is_usual else None


def _challenge(
    scheme: str | None, error: str | None = None, description: Sentence | None = None
) -> list[tuple[str, str]] | None:
    """Return the challenge (RFC 6750 section 3). Without a scheme the app adds its own."""
    if scheme is None:
        return None
    parameters = {"error": error, "error_description": description}
    value = challenge(scheme, **dict(app_state().config.challenge_parameters), **parameters)
    return [("WWW-Authenticate", value)]


def guard_mark(wrapper: Callable[..., Any]) -> Mark | None:
    """Tell what ``@jwt_required()`` means."""
    options = closure_of(wrapper, "flask_jwt_extended.view_decorators", "decorator")
    if options is None:
        return None
    kind = "refresh" if options["refresh"] else "fresh access" if options["fresh"] else "access"
    is_optional = bool(options["optional"])
    locations = options["locations"]
    return Mark(
        "jwt_required",
        tuple(name for name in ("optional", "fresh", "refresh") if options[name]),
        statuses=(401,),
        errors=(InvalidToken,),
        condition=f"{'Accepts' if is_optional else 'Needs'} a JWT: a valid {kind} token.",
        authenticates=not is_optional,
        resolve=lambda mark, app: replace(
            mark, security=_security(app.app.config, locations, options["refresh"])
        ),
    )


def verifies_token(function: Callable[..., Any]) -> bool:
    """Whether a function calls ``verify_jwt_in_request``, and not with ``optional``."""
    if not isinstance(function, FunctionType):
        return False
    code = function.__code__
    # The names of the arguments of a call are a tuple among the constants.
    is_optional = any("optional" in each for each in code.co_consts if isinstance(each, tuple))
    callees = [function.__globals__.get(name) for name in code.co_names]
    # An object of Flask's, such as ``request``, has no attributes without a request.
    functions = [callee for callee in callees if type(callee) is FunctionType]
    return not is_optional and any(
        callee.__name__ == "verify_jwt_in_request"
        and callee.__module__ == "flask_jwt_extended.view_decorators"
        for callee in functions
    )


def _security(config: Mapping[str, Any], locations: Any, is_refresh: bool) -> dict[str, Any]:
    """Return the OpenAPI security schemes of the places where tokens are looked for."""
    if "JWT_TOKEN_LOCATION" not in config:
        return {}  # the app has no manager
    kind = "REFRESH" if is_refresh else "ACCESS"
    header, cookie = config["JWT_HEADER_NAME"], config[f"JWT_{kind}_COOKIE_NAME"]
    bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    is_bearer = _scheme(config) == "Bearer"
    schemes = {
        "headers": ("Bearer", bearer) if is_bearer else _api_key("header", header),
        "cookies": _api_key("cookie", cookie),
        "query_string": _api_key("query", config["JWT_QUERY_STRING_NAME"]),
    }
    locations = locations or config["JWT_TOKEN_LOCATION"]
    if isinstance(locations, str):
        locations = [locations]
    return dict(schemes[location] for location in locations if location in schemes)


def _api_key(location: str, name: str) -> tuple[str, dict[str, str]]:
    return name, {"type": "apiKey", "in": location, "name": name}
