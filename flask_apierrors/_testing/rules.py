"""What must be so in every response, by the standards and by the contract."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from werkzeug.datastructures import WWWAuthenticate

from .._core.pointer import MISSING
from .answer import Answer

#: A text that an audit puts where a client's secrets are, and into the text of a crash.
SECRET = "s3cr3t-0f-th3-aud1t"  # noqa: S105
_SECONDS = re.compile(r"[0-9]+")
_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT")
#: Fields that a client reads as one value (RFC 9110 section 5.3).
_SINGLE = ("Content-Type", "Content-Length", "Cache-Control", "Retry-After", "Location")


class Rule(NamedTuple):
    """A promise that a response can break."""

    #: A short name that never changes, such as ``allow-missing``.
    name: str
    #: What is wrong, as a sentence.
    fault: str
    #: The source: an RFC and its section, or the page of the contract.
    source: str
    #: What to do about it.
    remedy: str


def broken_rules(answer: Answer) -> list[Rule]:
    """Return the rules that a response breaks, whatever the request was."""
    return [rule for rule, is_broken in _RULES if is_broken(answer)]


def _is_error(answer: Answer) -> bool:
    return answer.status >= 400


def _refuses_preflight(answer: Answer) -> bool:
    is_preflight = any(name.lower() == "access-control-request-method" for name, _ in answer.sent)
    is_shared = answer.field("Access-Control-Allow-Origin") is not None
    return is_preflight and is_shared and not 200 <= answer.status < 300


def _lacks_challenge(answer: Answer) -> bool:
    return answer.status == 401 and not any(map(str.strip, answer.fields("WWW-Authenticate")))


def _has_bare_challenge(answer: Answer) -> bool:
    """Whether a Bearer challenge has no parameter, or one that no client can parse."""
    values = answer.fields("WWW-Authenticate")
    bearer = [value for value in values if value.lower().startswith("bearer")]
    return any(not _parameters(value) for value in bearer)


def _parameters(value: str) -> bool:
    challenge = WWWAuthenticate.from_header(value)
    return challenge is not None and bool(challenge.parameters)


def _lacks_allow(answer: Answer) -> bool:
    return answer.status == 405 and answer.field("Allow") is None


def _allows_the_refused_method(answer: Answer) -> bool:
    methods = [method.strip() for method in ",".join(answer.fields("Allow")).split(",")]
    return answer.status == 405 and answer.method in methods


def _is_page(answer: Answer) -> bool:
    return _is_error(answer) and answer.media_type in ("text/html", "application/xhtml+xml")


def _is_empty(answer: Answer) -> bool:
    return _is_error(answer) and answer.method != "HEAD" and not answer.body.strip()


def _is_malformed(answer: Answer) -> bool:
    return bool(answer.body) and answer.is_json and answer.json_or(MISSING) is MISSING


def _is_text(answer: Answer) -> bool:
    is_other = not answer.is_json and not _is_page(answer)
    return _is_error(answer) and is_other and bool(answer.body.strip())


def _has_body(answer: Answer) -> bool:
    return bool(answer.body) and (answer.method == "HEAD" or answer.status in (204, 304))


def _differs(answer: Answer) -> bool:
    """Whether a problem+json body says another status than the response (RFC 9457)."""
    if answer.media_type != "application/problem+json" or not answer.body:
        return False
    body = answer.json_or({})
    return not isinstance(body, dict) or body.get("status", answer.status) != answer.status


def _claims_success(answer: Answer) -> bool:
    """Whether a success has the body of an error, and nothing else."""
    if not 200 <= answer.status < 300 or not answer.is_json:
        return False
    body = answer.json_or({})
    return isinstance(body, dict) and set(body) in ({"error"}, {"error", "code"}) and body["error"]


def _lacks_nosniff(answer: Answer) -> bool:
    return _is_error(answer) and answer.field("X-Content-Type-Options") != "nosniff"


def _is_cacheable(answer: Answer) -> bool:
    return _is_error(answer) and not answer.field("Cache-Control")


def _lacks_retry_after(answer: Answer) -> bool:
    return answer.status in (429, 503) and answer.field("Retry-After") is None


def _has_odd_delay(answer: Answer) -> bool:
    delay = answer.field("Retry-After")
    return delay is not None and not (_SECONDS.fullmatch(delay) or _DATE.fullmatch(delay))


def _repeats_field(answer: Answer) -> bool:
    return any(len(answer.fields(name)) > 1 for name in _SINGLE)


def _lacks_accept(answer: Answer) -> bool:
    has_field = answer.field("Accept") or answer.field("Accept-Encoding")
    return answer.status == 415 and not has_field


def _lacks_range(answer: Answer) -> bool:
    return answer.status == 416 and answer.field("Content-Range") is None


def _echoes(answer: Answer) -> bool:
    fields = [value for _, value in answer.headers]
    return SECRET.encode() in answer.body or any(SECRET in value for value in fields)


def _is_told_of_a_token(answer: Answer) -> bool:
    """Whether a client without credentials is told that they are wrong."""
    # The token may be in a cookie or in the query, too.
    sent = (("URL", answer.url), *answer.sent)
    has_sent = any(name.lower() == "authorization" or SECRET in value for name, value in sent)
    values = answer.fields("WWW-Authenticate")
    return answer.status == 401 and not has_sent and any("error=" in value for value in values)


_CONTRACT = "the contract"
_COMPLETE = "Let the response leave through ApiErrors, which adds what it lacks."

PREFLIGHT_REFUSED = Rule(
    "preflight-refused",
    "A CORS preflight, which has no credentials, is refused.",
    "Fetch standard, CORS-preflight fetch",
    "Let OPTIONS requests with Access-Control-Request-Method pass your own guards.",
)

_RULES: tuple[tuple[Rule, Callable[[Answer], object]], ...] = (
    (
        Rule(
            "challenge-missing",
            "A 401 has no WWW-Authenticate field.",
            "RFC 9110 section 15.5.2",
            _COMPLETE,
        ),
        _lacks_challenge,
    ),
    (PREFLIGHT_REFUSED, _refuses_preflight),
    (
        Rule(
            "challenge-bare",
            "A Bearer challenge has no parameter.",
            "RFC 6750 section 3",
            'Send at least a realm: Bearer realm="api".',
        ),
        _has_bare_challenge,
    ),
    (
        Rule(
            "challenge-blames",
            "The challenge says that a token is wrong, but the request had none.",
            "RFC 6750 section 3.1",
            "Raise InvalidToken only for a token that was sent.",
        ),
        _is_told_of_a_token,
    ),
    (
        Rule(
            "allow-missing",
            "A 405 has no Allow field.",
            "RFC 9110 section 15.5.6",
            _COMPLETE,
        ),
        _lacks_allow,
    ),
    (
        Rule(
            "allow-wrong",
            "The Allow field of a 405 has the method that was refused.",
            "RFC 9110 section 10.2.1",
            "Route only the methods that the view takes.",
        ),
        _allows_the_refused_method,
    ),
    (
        Rule(
            "error-page",
            "An error is an HTML page.",
            _CONTRACT,
            "`flask apierrors doctor` names what answers with it, and a remedy.",
        ),
        _is_page,
    ),
    (
        Rule("error-text", "An error is no JSON.", _CONTRACT, "Set APIERRORS_ADOPT, or raise it."),
        _is_text,
    ),
    (
        Rule(
            "error-empty",
            "An error has no body.",
            "RFC 9110 section 15.5",
            _COMPLETE,
        ),
        _is_empty,
    ),
    (
        Rule(
            "json-malformed",
            "The body claims to be JSON, and is none.",
            "RFC 8259 section 2",
            "Return a dict, or use jsonify.",
        ),
        _is_malformed,
    ),
    (
        Rule(
            "content-forbidden",
            "A response has a body that its method or its status forbids.",
            "RFC 9110 sections 9.3.2 and 6.4.1",
            "Leave the body to the server.",
        ),
        _has_body,
    ),
    (
        Rule(
            "status-differs",
            "A problem+json body says another status than the response.",
            "RFC 9457 section 3.1.2",
            "Leave `status` out, or set it to that of the response.",
        ),
        _differs,
    ),
    (
        Rule(
            "error-as-success",
            "An error has the status of a success.",
            "RFC 9110 section 15",
            "Raise the error, or return it with its status.",
        ),
        _claims_success,
    ),
    (
        Rule(
            "nosniff-missing",
            "An error has no X-Content-Type-Options field.",
            "OWASP REST Security Cheat Sheet",
            _COMPLETE,
        ),
        _lacks_nosniff,
    ),
    (
        Rule(
            "cacheable",
            "An error has no Cache-Control field, so caches may keep it.",
            "RFC 9110 section 15.1",
            _COMPLETE,
        ),
        _is_cacheable,
    ),
    (
        Rule(
            "retry-after-missing",
            "A 429 or a 503 does not say when to try again.",
            "RFC 6585 section 4, RFC 9110 section 15.6.4",
            _COMPLETE,
        ),
        _lacks_retry_after,
    ),
    (
        Rule(
            "retry-after-wrong",
            "A Retry-After field has neither whole seconds nor a date.",
            "RFC 9110 section 10.2.3",
            "Round it up.",
        ),
        _has_odd_delay,
    ),
    (
        Rule(
            "field-repeated",
            "A field that has one value was sent twice.",
            "RFC 9110 section 5.3",
            "Set the field, do not add it.",
        ),
        _repeats_field,
    ),
    (
        Rule(
            "accept-missing",
            "A 415 has no Accept field, so a program cannot know what to send.",
            "RFC 9110 section 15.5.16",
            "Use @consumes or @requires_json.",
        ),
        _lacks_accept,
    ),
    (
        Rule(
            "range-missing",
            "A 416 has no Content-Range field.",
            "RFC 9110 section 15.5.17",
            "Raise RequestedRangeNotSatisfiable with the length.",
        ),
        _lacks_range,
    ),
    (
        Rule(
            "secret-echoed",
            "A response repeats a secret that the client sent, or the text of a crash.",
            "CWE-209, CWE-532",
            "Keep what was sent, and the text of exceptions, out of messages.",
        ),
        _echoes,
    ),
)
