"""A ``verify_token`` made with PyJWT: the optional extra ``flask-apierrors[jwt]``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any

try:
    import jwt
except ImportError as missing:
    raise ImportError(
        "flask_apierrors.jwt needs PyJWT. Install it with: pip install 'flask-apierrors[jwt]'"
    ) from missing

from ._core.errors import ApiError, InvalidToken, Sentence

#: What PyJWT found -> what the client may know of it. All but the last are found after the signature was verified.
_REASONS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "has expired",
    jwt.ImmatureSignatureError: "is not valid yet",
    jwt.InvalidAudienceError: "is meant for another audience",
    jwt.InvalidIssuerError: "comes from another issuer",
    jwt.MissingRequiredClaimError: "lacks a required claim",
    jwt.InvalidSignatureError: "is invalid: its signature does not match",
}


def jwt_verifier(
    *,
    key: Any,
    algorithms: Sequence[str],
    audience: str | Collection[str] | None = None,
    issuer: str | None = None,
    leeway: float | timedelta = 0,
    require: Sequence[str] = ("exp",),
) -> Callable[[str], dict[str, Any]]:
    """Make a function for ``@errors.verify_token``: a JSON Web Token (RFC 7519) to the ``dict`` of its claims.

    The function raises :class:`~flask_apierrors.InvalidToken`, which says whether the token has expired, is forged, or is
    meant for somebody else; nothing of PyJWT's own texts. ``scope``, ``scp`` or ``permissions`` among the claims is what
    ``requires_permissions`` reads.

    :param key: The shared secret, the public key (PEM), or a function from the token to the key, such as the
        ``get_signing_key_from_jwt`` of a ``jwt.PyJWKClient``; a 503 answers while that cannot reach the identity provider.
    :param algorithms: What the issuer signs with, such as ``["HS256"]``: never taken from the token (RFC 8725 section 3.1).
    :param audience: Who we are, if the tokens say whom they are meant for (``aud``): one name, or several.
    :param issuer: Whose tokens to take (``iss``); ``None`` takes anybody's who has the key.
    :param leeway: How far clocks may differ: seconds, or a ``timedelta``.
    :param require: Claims without which a token is refused. A token without ``exp`` would be good for ever.
    :raises TypeError: for ``algorithms`` that are not a list of names.
    :raises ValueError: for an algorithm or a key that cannot be used; the message names the remedy.
    """
    _check_algorithms(algorithms)
    find_key = key if callable(key) else _constant(_checked_key(key, algorithms))
    options: Any = {"require": list(require)}

    def verify(token: str) -> dict[str, Any]:
        try:
            return jwt.decode(
                token,
                find_key(token),
                list(algorithms),
                options,
                audience=audience,
                issuer=issuer,
                leeway=leeway,
            )
        except jwt.PyJWKClientConnectionError as failure:
            raise ApiError(status=503) from failure
        # A header that is nested too deeply makes PyJWT's JSON decoder give up; `exp` may be a number without end.
        except (
            jwt.InvalidTokenError,
            jwt.PyJWKClientError,
            RecursionError,
            OverflowError,
        ) as refusal:
            reason = _REASONS.get(type(refusal), "is invalid")
            raise InvalidToken(
                Sentence(f"Authentication failed: the Bearer token {reason}.")
            ) from None

    return verify


def _constant(key: Any) -> Callable[[str], Any]:
    return lambda token: key


def _check_algorithms(algorithms: Sequence[str]) -> None:
    if isinstance(algorithms, str) or not isinstance(algorithms, list | tuple) or not algorithms:
        raise TypeError(
            f'algorithms={algorithms!r}: give a list of what the issuer signs with, such as ["HS256"].'
        )
    known = sorted(set(jwt.PyJWS().get_algorithms()) - {"none"})
    for name in algorithms:
        if name not in known:
            raise ValueError(
                f"{name!r} is no algorithm to verify with. Choose from: {', '.join(known)}."
                " (The algorithms with public keys need: pip install 'pyjwt[crypto]'.)"
            )
    if len({name.startswith("HS") for name in algorithms}) > 1:
        raise ValueError(
            "Take HS algorithms or others, not both: a public key must never serve as a secret (RFC 8725)."
        )


def _checked_key(key: Any, algorithms: Sequence[str]) -> Any:
    """The key, when each of the algorithms can use it: a client chooses among them, and must not provoke a failure."""
    for name in algorithms:
        try:
            prepared = jwt.get_algorithm_by_name(name).prepare_key(getattr(key, "key", key))
        except (jwt.InvalidKeyError, TypeError, ValueError) as error:
            raise ValueError(f"The key does not fit {name}: {error}") from None
        if name.startswith("HS"):
            _check_length(prepared, name)
    return key


def _check_length(secret: bytes, name: str) -> None:
    least = int(name.removeprefix("HS")) // 8
    if len(secret) < least:
        raise ValueError(
            f"{name} needs a secret of at least {least} bytes (RFC 7518 section 3.2), not {len(secret)}."
            ' Make one with: python -c "import secrets; print(secrets.token_hex(64))"'
        )
