"""Who a request is counted for."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import quote

from flask import Request

from .._core.log_records import PackageLogger
from .._core.state import AppState, RequestState, current_request, request_state
from .._guards.authentication import known_principal, read_credentials
from .._guards.permissions import member_of

_logger = PackageLogger()
#: Seconds that an address is remembered after its credentials were refused.
REFUSAL_SECONDS = 60.0
_MAX_ADDRESSES = 10_000
#: memcached takes keys of up to 250 bytes.
_MAX_LENGTH = 64
#: IPv6 networks whose last 32 bits are an IPv4 address (RFC 4291 section 2.5.5.2, RFC 7755).
_IPV4_NETWORKS = tuple(int(IPv6Address(net)) >> 32 for net in ("::ffff:0:0", "64:ff9b::"))


def client_key(address: str | None = None) -> str:
    """Return the client that the current request is counted for.

    That is its principal if it has valid credentials, otherwise its address: an IPv4 address, or
    the first 64 bits of an IPv6 address. So an invented token does not get a counter of its own.

    :param address: The address of the client. The default is that of the connection.
    :returns: A text that is the same for all requests of a client.
    """
    req = current_request()
    return client_of(req, request_state(req), address)


def client_of(req: Request, state: RequestState, sent_from: str | None = None) -> str:
    """Return the client that a request is counted for."""
    sent_from = sent_from or req.remote_addr or "127.0.0.1"
    address = address_key(sent_from) if len(sent_from) <= _MAX_LENGTH else key_part(sent_from)
    if read_credentials(req, state) is not None:
        # Otherwise a request over the limit would cost as much as one below it.
        is_refused = state.app.rate_limits.refused.get(address, 0.0) > time.monotonic()
        if state.verified or not is_refused:
            return _principal_key(req, state, address) or address
    elif "HTTP_X_FORWARDED_FOR" in req.environ:
        _check_forwarded(req, sent_from, state.app)
    return address


def verify_counted(req: Request, state: RequestState) -> None:
    """Verify the credentials of a request that was counted for a refused address.

    If they are valid, the next request from there is counted for its principal again.
    """
    if not state.verified and read_credentials(req, state) is not None:
        _principal_key(req, state, client_of(req, state))


def _principal_key(req: Request, state: RequestState, address: str) -> str | None:
    """Return the key of a request's principal, or ``None`` if it has none that can be counted.

    No client of another kind has it, nor one whose name looks alike: a user with a session and a
    service with an API key may have the same number.
    """
    principal = known_principal(req)
    refused: dict[str, float] = state.app.rate_limits.refused
    refused.pop(address, None)
    if principal is None:
        if len(refused) >= _MAX_ADDRESSES:
            with suppress(RuntimeError):  # another thread changed it
                refused.pop(next(iter(refused), ""), None)  # the oldest
        refused[address] = time.monotonic() + REFUSAL_SECONDS
        return None
    is_name = isinstance(principal, str | int) and not isinstance(principal, bool)
    for kind in ("principal",) if is_name else ("sub", "id"):
        name = principal if is_name else member_of(principal, kind)
        if name is None or name == "":
            continue
        kind = f"{state.scheme.name.lower()}:{kind}" if state.scheme else kind
        if name == state.credentials:  # the secret itself, which no storage has to know
            return f"{kind}:{_digest(str(name))}"
        of_type = "" if isinstance(name, str) else f"{type(name).__name__}="
        return f"{kind}:{of_type}{key_part(str(name))}"
    return None


def key_part(text: str) -> str:
    """Quote a text so that it can be a part of the key of a counter, in any storage."""
    name = quote(text, safe="@:", errors="surrogatepass")
    return name if len(name) <= _MAX_LENGTH else _digest(name)


def _digest(text: str) -> str:
    return f"#{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()}"


@lru_cache(1_024)
def address_key(text: str) -> str:
    """Return the key of an address: one for each client, however the server writes it.

    A port is left out. All addresses of an IPv6 network of 64 bits are one client, because a
    single line has at least as many. An IPv4 address may be written as an IPv6 one.
    """
    host = text.rpartition(":")[0] if text.count(":") == 1 else text
    if text.startswith("["):
        host = text[1:].partition("]")[0]
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return key_part(text).replace(":", "%3A")
    if isinstance(address, IPv6Address):
        number = int(address)
        if number >> 32 in _IPV4_NETWORKS:
            return str(IPv4Address(number & 0xFFFF_FFFF))
        return str(IPv6Address(number >> 64 << 64))
    return str(address)


def _check_forwarded(req: Request, address: str, app: AppState) -> None:
    """Warn once if a proxy names the client in a header that the app ignores.

    A server or a middleware that reads the header has put its address in ``REMOTE_ADDR``.
    """
    environ = req.environ
    if app.unread_forwarded or "werkzeug.proxy_fix.orig" in environ:
        return
    if address not in environ["HTTP_X_FORWARDED_FOR"]:
        app.unread_forwarded = True
        _logger.warning(
            "A limited request has the header X-Forwarded-For, but the app has no ProxyFix. If your"
            " proxy sets the header, all clients without a token share one limit."
            " See `flask apierrors doctor`."
        )
