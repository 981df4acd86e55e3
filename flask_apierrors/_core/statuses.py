"""What each status means to a caller of the API, what to do about it, and whether to try again."""

from __future__ import annotations

from typing import Literal, NamedTuple

Retry = Literal["never", "after-delay", "if-idempotent"]
RETRIES: tuple[Retry, ...] = ("never", "after-delay", "if-idempotent")

#: Methods whose request may be sent twice with the effect of once (RFC 9110 section 9.2.2).
IDEMPOTENT_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})


class Explanation(NamedTuple):
    """One error, explained to the people who call the API."""

    meaning: str
    action: str
    #: May the same request be sent again? ``if-idempotent``: after a delay, where its method allows it.
    retry: Retry = "never"


def explanation(status: int, type: str | None = None) -> Explanation:
    """The explanation of a type of this package, else of a status, else of its class (RFC 9110 section 15)."""
    if type in _TYPES:
        return _TYPES[type]
    return _STATUSES.get(status) or (_CLIENT_ERROR if status < 500 else _SERVER_ERROR)


def retry_for(retry: Retry, method: str) -> Retry:
    """What a rule comes to for one method: ``never`` or ``after-delay``."""
    if retry == "if-idempotent":
        return "after-delay" if method in IDEMPOTENT_METHODS else "never"
    return retry


_CLIENT_ERROR = Explanation(
    "The request cannot be answered as it was sent.",
    "Read the sentence in the body and change the request before you send it again.",
)
_SERVER_ERROR = Explanation(
    "The request may be fine, but the server could not answer it.",
    "Try again after a delay if a repetition does no harm. Contact support if it goes on.",
    "if-idempotent",
)

_STATUSES: dict[int, Explanation] = {
    400: Explanation(
        "The server could not read the request, or something in it is wrong.",
        "Read the sentence in the body: it says what is wrong. Correct the request before you send it again.",
    ),
    401: Explanation(
        "The endpoint is for authenticated callers, and the request has no Bearer token.",
        "Send the header `Authorization: Bearer <token>` with a valid token.",
    ),
    402: Explanation(
        "The request asks for something that has to be paid for.",
        "Settle the payment, then try again.",
    ),
    403: Explanation(
        "The server knows who you are, and you are not allowed to do this.",
        "Ask for the missing permission, and get a new token once you have it. Trying again with the same one is no use.",
    ),
    404: Explanation(
        "Nothing is found at this URL: it is mistyped, or what it names does not exist (any more).",
        "Check the spelling of the URL and the identifiers in it.",
    ),
    405: Explanation(
        "The URL exists, but does not take this method.",
        "Use one of the methods that the `Allow` header names.",
    ),
    406: Explanation(
        "The endpoint cannot answer in any of the formats that the `Accept` header asks for.",
        "Ask for a format that the sentence in the body names, or leave the `Accept` header out.",
    ),
    407: Explanation(
        "A proxy on the way wants credentials.", "Authenticate with the proxy, then try again."
    ),
    408: Explanation(
        "The request took too long to arrive, and the server stopped waiting for it.",
        "Send it again, over a new connection.",
        "after-delay",
    ),
    409: Explanation(
        "The request contradicts the present state of what it is about: somebody else changed it, or it exists already.",
        "Fetch the present state, decide what you want now, and send a new request.",
    ),
    410: Explanation(
        "What this URL names existed, and is gone for good.", "Remove the URL from your program."
    ),
    411: Explanation(
        "The server wants to know how long the body is before it reads it.",
        "Send a `Content-Length` header.",
    ),
    412: Explanation(
        "A condition in the request (`If-Match`, `If-Unmodified-Since`) does not hold: what it is about has changed.",
        "Fetch the present state and its `ETag`, and send a new request.",
    ),
    413: Explanation(
        "The body of the request is larger than the server takes.",
        "Send less, or send it in several requests.",
    ),
    414: Explanation(
        "The URL is longer than the server takes.",
        "Shorten the query, or split it into several requests.",
    ),
    415: Explanation(
        "The body is in a format that the endpoint does not take, or its `Content-Type` header is missing.",
        "Send a format that the `Accept` header of the answer names, and say so in `Content-Type`.",
    ),
    416: Explanation(
        "The `Range` header asks for a part that does not exist.",
        "Ask for a range within the length that `Content-Range` tells.",
    ),
    417: Explanation(
        "The server cannot do what the `Expect` header asks for.", "Leave the `Expect` header out."
    ),
    418: Explanation(
        "The server is a teapot, and will not brew coffee.", "Ask another server for coffee."
    ),
    421: Explanation(
        "The request reached a server that does not answer for this host.",
        "Check the host name, and send the request over a new connection.",
    ),
    422: Explanation(
        "The server could read the request, but values in it are wrong.",
        "Read the sentence in the body: it names the values. Correct them before you send the request again.",
    ),
    423: Explanation(
        "What the request is about is locked by somebody else.", "Try again later.", "after-delay"
    ),
    424: Explanation(
        "The request depends on another one, which failed.",
        "Find out why the other one failed, and begin with that.",
    ),
    425: Explanation(
        "The request came before the connection was secured, and could be a repetition.",
        "Send it again once the connection is established.",
        "after-delay",
    ),
    426: Explanation(
        "The server wants another protocol.", "Use the protocol that the `Upgrade` header names."
    ),
    428: Explanation(
        "The server refuses to change something without a condition, so that nobody's change is lost.",
        "Fetch it first, and send its `ETag` in `If-Match`.",
    ),
    429: Explanation(
        "You have sent more requests than the limit allows. This one was not carried out.",
        "Wait for as many seconds as the `Retry-After` header says, then send it again. Slow down if it happens often.",
        "after-delay",
    ),
    431: Explanation(
        "The headers of the request are larger than the server takes.",
        "Send fewer or shorter headers.",
    ),
    449: Explanation(
        "The server needs more information.",
        "Read the sentence in the body, and add what it asks for.",
    ),
    451: Explanation(
        "What you ask for may not be shown, for legal reasons.",
        "Do not try again. The body may say who demands it.",
    ),
    500: Explanation(
        "Something went wrong inside the server. It is not your request's fault, and it has been logged.",
        "Try again after a short delay, if a repetition does no harm. If it goes on, contact support and name the request id.",
        "if-idempotent",
    ),
    501: Explanation(
        "The server does not know how to do this.",
        "Do not try again: it is not there, for anybody.",
    ),
    502: Explanation(
        "A server behind this one gave an answer that makes no sense.",
        "Try again after a short delay, if a repetition does no harm.",
        "if-idempotent",
    ),
    503: Explanation(
        "The service, or something that it needs, is down for maintenance or has too much to do.",
        "Wait for as many seconds as the `Retry-After` header says, then send the request again.",
        "after-delay",
    ),
    504: Explanation(
        "A server behind this one did not answer in time.",
        "Try again after a short delay, if a repetition does no harm.",
        "if-idempotent",
    ),
    505: Explanation(
        "The server does not speak this version of HTTP.", "Use HTTP/1.1 or a later version."
    ),
    507: Explanation("The server has no room left to store this.", "Make room, or send less."),
    508: Explanation(
        "The server went round in circles over this request.", "Do not try again. Contact support."
    ),
    511: Explanation(
        "The network that you are in wants you to sign in before it lets you out.",
        "Sign in to the network, then try again.",
    ),
}

_TYPES: dict[str | None, Explanation] = {
    "validation-failed": Explanation(
        "The server could read the request, but values in it are wrong or missing.",
        "Read the sentence in the body: it names each wrong value and what is wrong with it. "
        "Correct them all before you send the request again.",
    ),
    "invalid-token": Explanation(
        "The request has a Bearer token, but it is expired, or not one of this API.",
        "Get a new token and send the request with it. Trying again with the same one is no use.",
    ),
}

#: What the header fields of errors tell.
HEADERS: dict[str, str] = {
    "Accept": "The formats that the endpoint takes.",
    "Accept-Patch": "The formats that the endpoint takes with PATCH.",
    "Allow": "The methods that the URL takes.",
    "Cache-Control": "`no-store`: an error is never kept in a cache.",
    "Content-Range": "How long the whole is of which a part was asked for.",
    "Content-Type": "`application/json`, or `application/problem+json` when the `Accept` header of the request names it.",
    "RateLimit": "What is left of the limit that you will meet first (`r`), and in how many seconds there is more (`t`).",
    "RateLimit-Policy": "The limits: how many requests (`q`) in how many seconds (`w`).",
    "Retry-After": "Seconds to wait before the next try.",
    "Vary": "Contains `Accept`: the format depends on it.",
    "WWW-Authenticate": "How to authenticate: the scheme, and what was wrong with the token, if there was one (RFC 6750).",
    "X-Content-Type-Options": "`nosniff`: the body is what `Content-Type` says.",
}
REQUEST_ID = "Names this request in the logs of the server. Quote it when you contact support."
