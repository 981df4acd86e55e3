"""A ``verify_token`` made with PyJWT: the optional extra ``flask-apierrors[jwt]``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from typing import Any

try:
    import jwt
except ImportError as _missing:
    raise ImportError(
        "flask_apierrors.jwt needs PyJWT. Install it with: pip install 'flask-apierrors[jwt]'"
    ) from _missing

from ._core.errors import ApiError, InvalidToken
from ._core.sentences import Sentence

#: PyJWT's exceptions -> our sentences. PyJWT raises all but the last after it has verified the
#: signature.
_SENTENCES: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "expired-token",
    jwt.ImmatureSignatureError: "immature-token",
    jwt.InvalidAudienceError: "wrong-audience",
    jwt.InvalidIssuerError: "wrong-issuer",
    jwt.MissingRequiredClaimError: "missing-claim",
    jwt.InvalidSignatureError: "wrong-signature",
}
#: A deeply nested header exhausts PyJWT's JSON decoder, and `exp` may be infinite.
_REFUSALS = (jwt.InvalidTokenError, jwt.PyJWKClientError, RecursionError, OverflowError)


def jwt_verifier(
    *,
    key: Any,
    algorithms: Sequence[str],
    audience: str | Collection[str] | None = None,
    issuer: str | None = None,
    leeway: float | timedelta = 0,
    require: Sequence[str] = ("exp",),
) -> Callable[[str], dict[str, Any]]:
    """Make a function for ``@errors.verify_token`` that verifies JSON Web Tokens (RFC 7519).

    ``requires_permissions`` reads the claims ``permissions``, ``scope`` or ``scp``.

    :param key: The shared secret, the public key (PEM), or a function from the token to the key,
        such as the ``get_signing_key_from_jwt`` of a ``jwt.PyJWKClient``. If that cannot reach the
        identity provider, the answer is a 503.
    :param algorithms: The algorithms that the issuer signs with, such as ``["HS256"]``. They are
        never taken from the token (RFC 8725 section 3.1).
    :param audience: Your name in the tokens' ``aud``: one name or several.
    :param issuer: The ``iss`` of the tokens. ``None`` accepts every issuer that has the key.
    :param leeway: How far the clocks may differ: seconds, or a ``timedelta``.
    :param require: The claims that a token must have. A token without ``exp`` never expires.
    :returns: A function from a token to the ``dict`` of its claims. It raises
        :class:`~flask_apierrors.InvalidToken`, which says whether the token has expired, is forged
        or is meant for another audience.
    :raises TypeError: if ``algorithms`` is not a list of names.
    :raises ValueError: for an algorithm or a key that does not work. The message names the remedy.
    """
    _check_algorithms(algorithms)
    if not callable(key):
        _check_key(key, algorithms)
    options: Any = {"require": list(require)}
    claims: dict[str, Any] = {"audience": audience, "issuer": issuer, "leeway": leeway}

    def verify(token: str) -> dict[str, Any]:
        try:
            key_of_token = key(token) if callable(key) else key
            return jwt.decode(token, key_of_token, list(algorithms), options, **claims)
        except jwt.PyJWKClientConnectionError as failure:
            raise ApiError(status=503) from failure
        except _REFUSALS as refusal:
            sentence = _SENTENCES.get(type(refusal), "unverifiable-token")
            raise InvalidToken(Sentence(sentence)) from None

    return verify


def _check_algorithms(algorithms: Sequence[str]) -> None:
    is_list = isinstance(algorithms, list | tuple)
    if not is_list or not algorithms:
        raise TypeError(
            f"algorithms={algorithms!r}: give a list of the algorithms that the issuer signs with, "
            'such as ["HS256"].'
        )
    supported = sorted(set(jwt.PyJWS().get_algorithms()) - {"none"})
    for name in algorithms:
        if name not in supported:
            raise ValueError(
                f"{name!r} cannot verify a token. Choose from: {', '.join(supported)}."
                " (The algorithms with public keys need: pip install 'pyjwt[crypto]'.)"
            )
    if len({name.startswith("HS") for name in algorithms}) > 1:
        raise ValueError(
            "Use HS algorithms or others, not both: a public key must never serve as a secret "
            "(RFC 8725)."
        )


def _check_key(key: Any, algorithms: Sequence[str]) -> None:
    """Check that each algorithm can use the key: a client chooses among them."""
    for name in algorithms:
        try:
            algorithm = jwt.get_algorithm_by_name(name)
            prepared = algorithm.prepare_key(getattr(key, "key", key))
        except (jwt.InvalidKeyError, TypeError, ValueError) as error:
            raise ValueError(f"The key does not fit {name}: {error}") from None
        if name.startswith("HS"):
            _check_length(prepared, name)


def _check_length(secret: bytes, name: str) -> None:
    least = int(name.removeprefix("HS")) // 8
    if len(secret) < least:
        raise ValueError(
            f"{name} needs a secret of at least {least} bytes (RFC 7518 section 3.2), not "
            f"{len(secret)}. Make one with: "
            'python -c "import secrets; print(secrets.token_hex(64))"'
        )
