"""Media types: what a view takes (``Content-Type``) and what it gives (``Accept``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Request
from werkzeug.local import LocalProxy

from .._core.accept import BoundedMemo, best_match, essence
from .._core.errors import ApiError, Sentence
from .._core.problem import is_bodiless
from .._core.state import RequestState, current_request, request_state
from .guard import Check, Order, guard
from .json_body import unsupported_media_type
from .marks import Mark, View


def consumes(*media_types: str) -> Callable[[View], View]:
    """Take only these media types, compared without case and parameters; the others get a 415 that names them.

    A GET, HEAD, OPTIONS or DELETE request without a body is not checked.

    :raises TypeError: when used without media types, or with a wildcard.
    """
    _check_media_types("consumes", media_types)
    check = _content_type_check(media_types, frozenset(map(essence, media_types)).__contains__)
    return lambda view: guard(view, Mark("consumes", media_types), check)


def requires_json(view: View) -> View:
    """Take only JSON (``application/json`` and any ``+json``); a body that is not gets a 415, a malformed one a 400.

    The view's ``request.get_json()`` then gives the value that was parsed here.
    """
    return guard(view, Mark("requires_json"), _JSON_TYPE, Check(Order.JSON, _check_json))


def produces(*media_types: str) -> Callable[[View], View]:
    """Give one of these media types, chosen by ``Accept`` (RFC 9110 section 12.5.1); a 406 names them when none fits.

    The first is given when the client has no preference. The view reads the choice from :data:`negotiated_type`; its
    answer gets ``Vary: Accept``.

    :raises TypeError: when used without media types, or with a wildcard.
    """
    _check_media_types("produces", media_types)
    chosen = BoundedMemo(lambda accept: best_match(accept, media_types))
    sentence = f"The server cannot produce a response matching the Accept header. Available: {', '.join(media_types)}."

    def check(req: Request, state: RequestState) -> None:
        accept = req.environ.get("HTTP_ACCEPT")
        media_type = chosen[accept] if accept else media_types[0]
        if media_type is None:
            raise ApiError(Sentence(sentence), status=406)
        state.negotiated_type = media_type

    return lambda view: guard(view, Mark("produces", media_types), Check(Order.ACCEPT, check))


#: The media type that :func:`produces` chose for the current request.
negotiated_type: Any = LocalProxy(lambda: request_state(current_request()).negotiated_type)


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or ("/" in media_type and media_type.endswith("+json"))


def _content_type_check(accepted: tuple[str, ...], accepts: Callable[[str], bool]) -> Check:
    def check(req: Request, state: RequestState) -> None:
        given = req.environ.get("CONTENT_TYPE") or ""
        if given not in accepted and not accepts(essence(given)) and not is_bodiless(req):
            raise unsupported_media_type(accepted, req.method)

    return Check(Order.CONTENT_TYPE, check)


_JSON_TYPE = _content_type_check(("application/json",), _is_json)


def _check_json(req: Request, state: RequestState) -> None:
    if is_bodiless(req):
        return
    req.get_json(force=True)
    # Some servers hand over what came before the connection broke as if it were whole.
    if len(req.get_data()) < (req.content_length or 0):
        raise ApiError("The request body is shorter than its Content-Length.", status=400)


def _check_media_types(name: str, media_types: tuple[str, ...]) -> None:
    if not media_types or not all(
        isinstance(item, str) and "/" in item and "*" not in item for item in media_types
    ):
        raise TypeError(f'@{name} takes media types, as in @{name}("application/json").')
