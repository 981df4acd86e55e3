"""A ``verify_token`` made with PyJWT: the optional extra ``flask-apierrors[jwt]``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from werkzeug.exceptions import HTTPException

try:
    import jwt
except ImportError as _missing:
    raise ImportError(
        "flask_apierrors.jwt needs PyJWT. Install it with: pip install 'flask-apierrors[jwt]'"
    ) from _missing

from ._core.errors import ApiError, InvalidToken
from ._core.log_records import PackageLogger
from ._core.sentences import Sentence
from ._guards.key_set import KeySet

#: Seconds for which a ``jwt.PyJWKClient`` keeps its keys, unless it is told otherwise.
_LIFESPAN = 300.0
_logger = PackageLogger()
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
#: What is wrong with a token. A deeply nested header exhausts PyJWT's JSON decoder, `exp` may be
#: infinite, and a client may name an algorithm that its key does not fit.
_REFUSALS = (jwt.PyJWTError, RecursionError, OverflowError, TypeError, ValueError)


def jwt_verifier(
    *,
    algorithms: Sequence[str],
    key: Any = None,
    jwks_url: str | None = None,
    timeout: float = 2,
    audience: str | Collection[str] | None = None,
    issuer: str | None = None,
    leeway: float | timedelta = 0,
    require: Sequence[str] = ("exp",),
) -> Callable[[str], dict[str, Any]]:
    """Make a function for ``@errors.verify_token`` that verifies JSON Web Tokens (RFC 7519).

    ``requires_permissions`` reads the claims ``permissions``, ``scope`` or ``scp``. The reason why
    a token is refused is logged at the level ``INFO``.

    :param algorithms: The algorithms that the issuer signs with, such as ``["HS256"]``. They are
        never taken from the token (RFC 8725 section 3.1).
    :param key: The shared secret, the public key (PEM), or a function from the token to the key. If
        the function returns ``None`` or raises ``LookupError``, the answer is a 401. If it raises
        another exception, the answer is a 503, and the exception is logged.
    :param jwks_url: The address of the issuer's keys (RFC 7517 section 5), instead of ``key``. They
        are fetched again every five minutes. While the address does not answer, the last keys
        serve on. A token that needs another key is then a 503.
    :param timeout: How many seconds a request waits for the keys.
    :param audience: Your name in the tokens' ``aud``: one name or several.
    :param issuer: The ``iss`` of the tokens. ``None`` accepts every issuer that has the key.
    :param leeway: How far the clocks may differ: seconds, or a ``timedelta``.
    :param require: The claims that a token must have. A token without ``exp`` never expires.
    :returns: A function from a token to the ``dict`` of its claims. It raises
        :class:`~flask_apierrors.InvalidToken`, which says whether the token has expired, is forged
        or is meant for another audience.
    :raises TypeError: if ``algorithms`` is not a list of names, or without a key.
    :raises ValueError: for an algorithm, a key or an address that does not work. The message names
        the remedy.
    """
    _check_algorithms(algorithms)
    key_of = _key_finder(key, jwks_url, timeout, algorithms)
    options: Any = {"require": list(require)}
    claims: dict[str, Any] = {"audience": audience, "issuer": issuer, "leeway": leeway}

    def verify(token: str) -> dict[str, Any]:
        try:
            return jwt.decode(token, key_of(token), list(algorithms), options, **claims)
        except _REFUSALS as reason:
            _logger.info("A token is refused: %s: %a", type(reason).__name__, str(reason))
            sentence = _SENTENCES.get(type(reason), "unverifiable-token")
            raise InvalidToken(Sentence(sentence)) from None

    return verify


def _key_finder(
    key: Any, jwks_url: str | None, timeout: float, algorithms: Sequence[str]
) -> Callable[[str], Any]:
    """Return a function from a token to its key."""
    if (key is None) is (jwks_url is None):
        raise TypeError("Give jwt_verifier either key=... or jwks_url=..., and not None.")
    if jwks_url is not None:
        try:
            find = _cached_finder(jwt.PyJWKClient(jwks_url, timeout=timeout))
        except jwt.PyJWKClientError as error:
            raise ValueError(f"jwks_url={jwks_url!r}: {error}") from None
    elif getattr(key, "__func__", None) is jwt.PyJWKClient.get_signing_key_from_jwt:
        find = _cached_finder(key.__self__)
    elif callable(key):
        find = key
    else:
        _check_key(key, algorithms)
        return lambda token: key
    return lambda token: _find_key(find, token)


def _cached_finder(client: jwt.PyJWKClient) -> Callable[[str], Any]:
    """Find keys through our cache: in PyJWT's, all requests wait while the provider is away."""

    def fetch() -> Mapping[str, Any]:
        return {key.key_id: key for key in client.get_signing_keys(refresh=True) if key.key_id}

    key_set = KeySet(
        client.uri,
        fetch,
        time_out=client.timeout,
        lifespan=client.jwk_set_cache.lifespan if client.jwk_set_cache else _LIFESPAN,
        cooldown=client.cooldown_duration,
    )

    def find(token: str) -> Any:
        key_id = jwt.get_unverified_header(token).get("kid")
        return None if key_id is None else key_set.find(key_id)

    return find


def _find_key(find: Callable[[str], Any], token: str) -> Any:
    """Tell a token without a key, which is a 401, from a failure, which is a 503."""
    try:
        key = find(token)
    except (HTTPException, jwt.InvalidTokenError, RecursionError):
        raise
    except (LookupError, jwt.PyJWKClientError) as error:
        if isinstance(error, jwt.PyJWKClientConnectionError):
            raise ApiError(status=503) from error
        # The text of a KeyError may be the token.
        reason = type(error).__name__ if isinstance(error, LookupError) else repr(error)
        raise jwt.InvalidTokenError(f"there is no key for it: {reason}") from None
    except Exception as failure:
        _logger.exception("The key of a token cannot be found. The answer is a 503.")
        raise ApiError(status=503) from failure
    if key is None:
        raise jwt.InvalidTokenError("there is no key for it")
    return key


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
