"""Everything that this package says about a status: one row each."""

from __future__ import annotations

from typing import Literal, NamedTuple

Retry = Literal["never", "after-delay", "if-idempotent"]
RETRIES: tuple[Retry, ...] = ("never", "after-delay", "if-idempotent")

#: Methods that can be repeated without a further effect (RFC 9110 section 9.2.2, RFC 10008).
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"})


class Status(NamedTuple):
    """What a client is told about a status."""

    #: The sentence in the body. Its placeholders are filled from the error.
    sentence: str
    #: What the status means, for the reference page.
    meaning: str
    #: What the client can do about it.
    action: str
    #: Whether the same request may be sent again. ``if-idempotent``: if its method allows it.
    retry: Retry = "never"
    #: The sentence when the values for the placeholders are unknown.
    short: str = ""
    #: The header fields that an error with this status always has.
    fields: tuple[str, ...] = ()
    #: The code of a bare error, unless it is the status's phrase.
    code: str = ""


class Explanation(NamedTuple):
    """An error, explained to the clients of the API."""

    meaning: str
    action: str
    retry: Retry = "never"


def explanation(status: int, type: str | None = None) -> Explanation:
    """Explain a type of this package, else a status, else its class (RFC 9110 section 15)."""
    if type in _TYPES:
        return _TYPES[type]
    row = STATUSES.get(status)
    if row is not None:
        return Explanation(row.meaning, row.action, row.retry)
    return _CLIENT_ERROR if status < 500 else _SERVER_ERROR


def retry_for(retry: Retry, method: str) -> Retry:
    """Apply a retry rule to one method: the result is ``never`` or ``after-delay``."""
    if retry == "if-idempotent":
        return "after-delay" if method in IDEMPOTENT_METHODS else "never"
    return retry


STATUSES: dict[int, Status] = {
    400: Status(
        "The request was malformed or failed validation.",
        "The server could not read the request, or a value in it is invalid.",
        "Read the error message, correct the request, and send it again.",
    ),
    401: Status(
        "Authentication failed: the Authorization header is missing.",
        "This endpoint requires authentication, and the request has no Bearer token.",
        "Send the header `Authorization: Bearer <token>` with a valid token.",
        fields=("WWW-Authenticate",),
    ),
    402: Status(
        "Payment is required.",
        "The request requires a payment.",
        "Complete the payment, then send the request again.",
    ),
    403: Status(
        "You do not have permission to access the requested content.",
        "The server knows who you are, but you are not allowed to do this.",
        "Ask for the missing permission, then get a new token. The same token will be refused "
        "again.",
    ),
    404: Status(
        "The requested resource does not exist.",
        "The URL is wrong, or the resource that it identifies does not exist.",
        "Check the URL and the identifiers in it.",
    ),
    405: Status(
        "The method is not allowed for the requested resource.",
        "The URL exists, but it does not support this method.",
        "Use one of the methods in the `Allow` header.",
        fields=("Allow",),
    ),
    406: Status(
        "The server cannot produce a response matching the Accept header. Available: {available}.",
        "The endpoint cannot answer in any format that the `Accept` header allows.",
        "Ask for a format that the error message lists, or omit the `Accept` header.",
        short="The server cannot produce a response matching the Accept header.",
    ),
    407: Status(
        "Proxy authentication is required.",
        "A proxy between you and the server requires authentication.",
        "Authenticate with the proxy, then send the request again.",
    ),
    408: Status(
        "The request did not arrive in time. Please retry your request over a new connection.",
        "The request took too long to arrive, and the server stopped waiting.",
        "Send the request again over a new connection.",
        "after-delay",
    ),
    409: Status(
        "The request conflicts with the current state of the resource.",
        "The resource has changed, or it already exists.",
        "Fetch the current state of the resource, then send a new request.",
    ),
    410: Status(
        "The requested resource no longer exists and will not come back.",
        "The resource was removed permanently.",
        "Remove the URL from your program.",
    ),
    411: Status(
        "A request with this method requires a valid Content-Length header.",
        "The server must know the length of the body before it reads it.",
        "Send a `Content-Length` header.",
    ),
    412: Status(
        "A precondition of the request does not hold.",
        "A condition such as `If-Match` does not hold: the resource has changed.",
        "Fetch the resource and its current `ETag`, then send a new request.",
    ),
    413: Status(
        "The request body is larger than {limit} bytes.",
        "The request body is larger than the server accepts.",
        "Send a smaller body, or split it into several requests.",
        short="The request body is too large.",
    ),
    414: Status(
        "The URL is too long.",
        "The URL is longer than the server accepts.",
        "Shorten the query, or split it into several requests.",
    ),
    415: Status(
        "Unsupported media type. Send Content-Type: {accepted}.",
        "The endpoint does not accept the format of the body, or `Content-Type` is missing.",
        "Send a format that the `Accept` header of the response lists, and name it in "
        "`Content-Type`.",
        short="Unsupported media type.",
    ),
    416: Status(
        "The server cannot provide the requested range.",
        "The `Range` header asks for a part of the resource that does not exist.",
        "Ask for a range within the length that `Content-Range` gives.",
    ),
    417: Status(
        "The server cannot meet the Expect header.",
        "The server does not support what the `Expect` header asks for.",
        "Omit the `Expect` header.",
    ),
    418: Status(
        "The server is a teapot, not a coffee machine.",
        "The server is a teapot and cannot brew coffee.",
        "Ask another server for coffee.",
    ),
    421: Status(
        "The server does not answer for this host.",
        "The request reached a server that does not answer for this host.",
        "Check the host name, then send the request over a new connection.",
    ),
    422: Status(
        "The request was malformed or failed validation.",
        "The server could read the request, but a value in it is invalid.",
        "Read the error message, which names the values. Correct them and send the request again.",
    ),
    423: Status(
        "The requested resource is locked. Please retry your request later.",
        "Another client has locked the resource.",
        "Send the request again later.",
        "after-delay",
    ),
    424: Status(
        "The request depends on another request that failed.",
        "This request depends on another request, which failed.",
        "Find out why the other request failed and correct it first.",
    ),
    425: Status(
        "The request arrived too early. Please retry your request.",
        "The request arrived before the connection was secure, so it could be a replay.",
        "Send the request again after the connection is established.",
        "after-delay",
    ),
    426: Status(
        "The server requires another protocol.",
        "The server refuses the request over this protocol.",
        "Switch to the protocol that the `Upgrade` header names.",
    ),
    428: Status(
        "The request must be conditional. Send the ETag of the resource in If-Match.",
        "The server only accepts conditional changes, so that no client's change is lost.",
        "Fetch the resource, then send its `ETag` in `If-Match`.",
    ),
    429: Status(
        "Too many requests: the limit is {limit}. Retry after {retry_after} {unit}.",
        "You sent more requests than the limit allows. The server did not process this one.",
        "Wait for the number of seconds in the `Retry-After` header, then send the request again. "
        "If this happens often, send requests more slowly.",
        "after-delay",
        short="Too many requests. Retry after {retry_after} {unit}.",
        fields=("Retry-After",),
        code="quota-exceeded",
    ),
    431: Status(
        "The request headers are too large.",
        "The request headers are larger than the server accepts.",
        "Send fewer or shorter headers.",
    ),
    449: Status(
        "The server needs more information.",
        "The request lacks information that the server needs.",
        "Read the error message and add what it asks for.",
    ),
    451: Status(
        "The requested resource is unavailable for legal reasons.",
        "The server must not show this resource for legal reasons.",
        "Do not retry. The error message may say who demanded the removal.",
    ),
    500: Status(
        "Internal server error. Please retry your request or contact support if the problem "
        "persists.",
        "The server failed. Your request did not cause this, and the server has logged it.",
        "If a repetition is safe, send the request again after a short delay. If the error "
        "persists, contact support and quote the request ID.",
        "if-idempotent",
    ),
    501: Status(
        "The server does not support what was requested.",
        "The server does not implement what the request asks for.",
        "Do not retry: this server does not implement it.",
    ),
    502: Status(
        "The server received an invalid response from an upstream server. Please retry your "
        "request after a short delay.",
        "A server behind this one sent an invalid response.",
        "If a repetition is safe, send the request again after a short delay.",
        "if-idempotent",
    ),
    503: Status(
        "The service is temporarily unavailable. Please retry your request after a short delay or "
        "contact support if the problem persists.",
        "The service is overloaded or down for maintenance.",
        "Wait for the number of seconds in the `Retry-After` header, then send the request again.",
        "after-delay",
        fields=("Retry-After",),
    ),
    504: Status(
        "An upstream server did not respond in time. Please retry your request after a short "
        "delay.",
        "A server behind this one did not respond in time.",
        "If a repetition is safe, send the request again after a short delay.",
        "if-idempotent",
    ),
    505: Status(
        "The server does not support this version of HTTP.",
        "The server does not support the HTTP version of the request.",
        "Use HTTP/1.1 or later.",
    ),
    507: Status(
        "The server has no space left to store this.",
        "The server has no space left to store the resource.",
        "Free some space, or send less data.",
    ),
    508: Status(
        "The server detected an infinite loop.",
        "The server detected an infinite loop while it processed the request.",
        "Do not retry. Contact support.",
    ),
    511: Status(
        "The network requires you to sign in.",
        "Your network requires you to sign in before it lets you reach the server.",
        "Sign in to the network, then send the request again.",
    ),
}

_CLIENT_ERROR = Explanation(
    "The server cannot process the request in its current form.",
    "Read the error message, correct the request, and send it again.",
)
_SERVER_ERROR = Explanation(
    "The request may be valid, but the server could not process it.",
    "If a repetition is safe, send the request again after a delay. "
    "If the error persists, contact support.",
    "if-idempotent",
)

_TYPES: dict[str | None, Explanation] = {
    "validation-failed": Explanation(
        "The server could read the request, but values in it are invalid or missing.",
        "Read the error message, which names each invalid value and what is wrong with it. "
        "Correct all of them before you send the request again.",
    ),
    "invalid-token": Explanation(
        "The request has a Bearer token, but it has expired or this API did not issue it.",
        "Get a new token and send the request with it. The same token will be refused again.",
    ),
}
