"""What the standards ask of errors, one requirement each, in our own words.

``@pytest.mark.standard("name")`` on a test says that it proves the requirement of that name.
"""

from __future__ import annotations

from typing import NamedTuple


class Item(NamedTuple):
    """A requirement, as one sentence: *must*, *should*, and *can* are those of its source."""

    name: str
    sentence: str
    #: The standard and its section. Several are separated by semicolons.
    source: str
    #: Why nothing in this package can keep or break it.
    does_not_apply: str = ""


_REST = "OWASP REST Security"
_DRAFT = "RateLimit draft 10"

ITEMS: dict[str, tuple[Item, ...]] = {
    "Authentication and permissions": (
        Item(
            "challenge-on-401",
            "A 401 must have a `WWW-Authenticate` field with at least one challenge.",
            "RFC 9110 section 11.6.1; RFC 9110 section 15.5.2",
        ),
        Item(
            "401-for-credentials",
            "Missing, incomplete, or invalid credentials should be answered with a 401.",
            "RFC 9110 section 11.4",
        ),
        Item(
            "403-for-permissions",
            "Valid credentials that are not enough should be answered with a 403.",
            "RFC 9110 section 11.4",
        ),
        Item(
            "challenge-parameters-once",
            "A parameter must occur only once in a challenge.",
            "RFC 9110 section 11.2; RFC 6750 section 3",
        ),
        Item(
            "realm-quoted",
            "A realm must be sent as a quoted string, never as a token.",
            "RFC 9110 section 11.5",
        ),
        Item(
            "several-challenges",
            "A client must be able to read each of several challenges.",
            "RFC 9110 section 11.6.1",
        ),
        Item(
            "challenge-on-403",
            "Another status can have a challenge, if other credentials would help.",
            "RFC 9110 section 11.6.1",
        ),
        Item("basic-realm", "A `Basic` challenge must have a realm.", "RFC 7617 section 2"),
        Item(
            "basic-charset",
            "The only value of `charset` in a `Basic` challenge is `UTF-8`.",
            "RFC 7617 section 2.1",
        ),
        Item(
            "bearer-parameter",
            "A `Bearer` challenge must have at least one parameter.",
            "RFC 6750 section 3",
        ),
        Item(
            "bearer-without-error",
            "A challenge should have no `error` if the request had no credentials, or those of "
            "another scheme.",
            "RFC 6750 section 3.1",
        ),
        Item(
            "invalid-token",
            "A refused token should be answered with a 401 and `invalid_token`.",
            "RFC 6750 section 3; RFC 6750 section 3.1",
        ),
        Item(
            "invalid-request",
            "A malformed request for a token should be answered with a 400 and `invalid_request`.",
            "RFC 6750 section 3.1",
            "A token is only read from the `Authorization` field. Whatever is malformed there is a "
            "malformed token, for which the same section asks for `invalid_token`.",
        ),
        Item(
            "insufficient-scope",
            "Missing permissions should be answered with a 403 and `insufficient_scope`. It can "
            "name them in `scope`.",
            "RFC 6750 section 3.1",
        ),
        Item(
            "error-description-characters",
            "No message can break the challenge: it must have only the printable ASCII characters "
            "that need no escape.",
            "RFC 6750 section 3",
        ),
        Item(
            "scope-characters",
            "`scope` must be a list of permissions, separated by single spaces and without "
            "characters that break the challenge.",
            "RFC 6750 section 3; RFC 6749 section 3.3",
        ),
        Item(
            "resource-metadata",
            "A challenge can name the metadata of the API in `resource_metadata`.",
            "RFC 9728 section 5.1",
        ),
        Item(
            "step-up",
            "A 401 can ask for a newer or stronger login with `insufficient_user_authentication`.",
            "RFC 9470 section 3",
        ),
        Item(
            "hide-as-404",
            "A 404 can hide what a client may not see. Then nothing must tell it from a real 404.",
            "RFC 9110 section 15.5.4",
        ),
        Item(
            "permission-before-existence",
            "Permissions must be checked before the existence of what is asked for.",
            "Google AIP-193",
        ),
    ),
    "Methods": (
        Item(
            "allow-on-405",
            "A 405 must have an `Allow` field with the methods of the URL.",
            "RFC 9110 section 10.2.1; RFC 9110 section 15.5.6",
        ),
        Item(
            "allow-elsewhere",
            "`Allow` can be empty, and other statuses can have it.",
            "RFC 9110 section 10.2.1",
        ),
        Item(
            "405-for-known-methods",
            "A known method that the URL does not have should be answered with a 405.",
            "RFC 9110 section 9.1",
        ),
        Item(
            "501-for-unknown-methods",
            "A method that the server does not know should be answered with a 501.",
            "RFC 9110 section 9.1",
        ),
        Item("head-empty", "The answer to HEAD must have no content.", "RFC 9110 section 9.3.2"),
        Item(
            "head-fields",
            "The answer to HEAD should have the header fields of GET.",
            "RFC 9110 section 9.3.2",
        ),
    ),
    "Negotiation": (
        Item(
            "no-accept",
            "A request without `Accept`, or with `*/*`, must get no 406.",
            "RFC 9110 section 12.4.1; RFC 9110 section 12.5.1",
        ),
        Item(
            "quality-zero",
            "A quality of 0 must exclude a media type.",
            "RFC 9110 section 12.4.2",
        ),
        Item(
            "quality-default",
            "Without `q`, the quality must be 1.",
            "RFC 9110 section 12.4.2",
        ),
        Item(
            "most-specific-range",
            "The most specific range must decide.",
            "RFC 9110 section 12.5.1",
        ),
        Item(
            "quality-anywhere",
            "A parameter `q` should be the quality wherever it stands.",
            "RFC 9110 section 12.5.1",
        ),
        Item(
            "invalid-quality",
            "An invalid `Accept` must cause no failure.",
            "RFC 9110 section 12.4.2",
        ),
        Item(
            "errors-ignore-accept",
            "An error can have a type that `Accept` does not name, so `Accept` takes no error "
            "away.",
            "RFC 9110 section 12.4.1; RFC 9457 section 3",
        ),
        Item(
            "406-lists-types",
            "A 406 should list the types that are available.",
            "RFC 9110 section 15.5.7",
        ),
        Item(
            "vary-accept",
            "A response that depends on `Accept` should have `Vary: Accept`, also if the client "
            "got the default.",
            "RFC 9110 section 12.5.5",
        ),
        Item(
            "vary-accept-language",
            "A response that caches can keep and that depends on `Accept-Language` should name it "
            "in `Vary`.",
            "RFC 9110 section 12.5.5",
            "No cache keeps an error, and the reference page has one language.",
        ),
        Item(
            "problem-json-by-name",
            "A client that accepts `application/problem+json` by name gets it, also if JSON has "
            "the same quality.",
            "RFC 9457 section 3",
        ),
        Item(
            "default-body-otherwise",
            "A client that does not accept `application/problem+json` by name gets the default "
            "body.",
            "RFC 9110 section 12.5.1",
        ),
    ),
    "Requests with a body": (
        Item(
            "accept-on-415",
            "A 415 can list the accepted types in `Accept`.",
            "RFC 9110 section 15.5.16",
        ),
        Item(
            "accept-encoding-on-415",
            "A 415 for a content coding should have `Accept-Encoding`.",
            "RFC 9110 section 12.5.3",
        ),
        Item(
            "no-accept-encoding-on-415",
            "A 415 for anything else must not have `Accept-Encoding`.",
            "RFC 9110 section 12.5.3",
        ),
        Item(
            "accept-patch",
            "A 415 to PATCH should have `Accept-Patch`.",
            "RFC 5789 section 2.2",
        ),
        Item(
            "no-body-no-type",
            "A request without a body needs no `Content-Type`, whatever its method.",
            _REST,
        ),
        Item(
            "media-type-case",
            "Media types must be compared without their case and parameters.",
            "RFC 9110 section 8.3.1",
        ),
        Item(
            "json-suffix",
            "A type that ends in `+json` is only accepted where a view declares it: "
            "`@requires_json` takes all of them, `@consumes` those that it names.",
            "RFC 6838 section 4.2.8",
        ),
        Item(
            "retry-after-on-413",
            "A 413 for a temporary reason should have `Retry-After`.",
            "RFC 9110 section 15.5.14",
            "The limits of the app are not temporary. If an author's limit is, the error takes a "
            "`retry_after`.",
        ),
        Item(
            "content-range-on-416",
            "A 416 should say the length in `Content-Range`.",
            "RFC 9110 section 15.5.17",
        ),
    ),
    "Bodies and statuses": (
        Item(
            "upgrade-on-426",
            "A 426 must have an `Upgrade` field.",
            "RFC 9110 section 15.5.22",
            "Protocols belong to the server. Neither Flask nor this package answers with a 426.",
        ),
        Item(
            "409-explains",
            "A 409 should explain the conflict.",
            "RFC 9110 section 15.5.10",
            "Only the author knows the conflict. The author's text is sent as it is.",
        ),
        Item(
            "410-if-permanent",
            "What is known to be gone for good should be a 410, and not a 404.",
            "RFC 9110 section 15.5.5",
            "Only the author knows it.",
        ),
        Item(
            "errors-explain",
            "Every error should have content that explains it.",
            "RFC 9110 section 15.5; RFC 9110 section 15.6",
        ),
        Item(
            "temporary-or-permanent",
            "The explanation should say whether the error is temporary.",
            "RFC 9110 section 15.5; RFC 9110 section 15.6",
        ),
        Item(
            "no-store-by-heuristics",
            "Caches can keep a 404, 405, 410, 414, and 501 without being told, so these must have "
            "`Cache-Control: no-store` or a value of the author's.",
            "RFC 9110 section 15.1",
        ),
        Item(
            "content-type",
            "The content of an error should have a `Content-Type`.",
            "RFC 9110 section 8.3",
        ),
        Item(
            "no-error-as-success",
            "An error must never have the status of a success, nor one outside 100 to 599.",
            "RFC 9110 section 15",
        ),
        Item(
            "204-304-empty",
            "A 204 and a 304 from an exception must have no content.",
            "RFC 9110 section 15.3.5; RFC 9110 section 15.4.5",
        ),
        Item(
            "205-empty",
            "A 205 from an exception must have no content.",
            "RFC 9110 section 15.3.6",
        ),
    ),
    "Waiting and rate limits": (
        Item(
            "retry-after-format",
            "`Retry-After` must be a whole number of seconds, not negative, or a date.",
            "RFC 9110 section 10.2.3",
        ),
        Item(
            "retry-after-on-503",
            "A 503 can have `Retry-After`.",
            "RFC 9110 section 15.6.4",
        ),
        Item(
            "429-explains",
            "A 429 should explain the limit. It can have `Retry-After`.",
            "RFC 6585 section 4",
        ),
        Item(
            "428-429-431-no-store",
            "Caches must not keep a 428, 429, or 431.",
            "RFC 6585 section 3; RFC 6585 section 4; RFC 6585 section 5",
        ),
        Item(
            "428-explains",
            "A 428 should say how to send the request again.",
            "RFC 6585 section 3",
        ),
        Item(
            "431-explains",
            "A 431 should name the field that is too large.",
            "RFC 6585 section 5",
            "The server refuses such a request before it calls the app.",
        ),
        Item(
            "rate-limit-policy",
            "`RateLimit-Policy` must be a list of names as strings, each with its quota `q`, "
            "and can have the window `w` in seconds.",
            f"{_DRAFT} section 3",
        ),
        Item(
            "quota-unit",
            "A policy can name another unit than requests in `qu`.",
            f"{_DRAFT} section 3",
            "All limits count requests, which is the default.",
        ),
        Item(
            "partition-key",
            "A policy can have a partition key `pk`, as a byte sequence.",
            f"{_DRAFT} section 3",
            "None is sent.",
        ),
        Item(
            "partition-key-secrets",
            "A partition key should contain nothing sensitive.",
            f"{_DRAFT} section 6",
        ),
        Item(
            "rate-limit",
            "`RateLimit` must have the rest `r`, and can have the seconds `t`, both not negative.",
            f"{_DRAFT} section 4",
        ),
        Item(
            "rate-limit-parameters",
            "Parameters of one vendor should have a prefix.",
            f"{_DRAFT} section 3; {_DRAFT} section 4",
        ),
        Item(
            "rate-limit-trailers",
            "The fields must never be trailers.",
            f"{_DRAFT} section 3; {_DRAFT} section 4",
            "A WSGI application cannot send trailers.",
        ),
        Item(
            "no-old-rate-limit-fields",
            "`RateLimit-Limit`, `RateLimit-Remaining`, and `RateLimit-Reset` no longer exist.",
            f"{_DRAFT}",
        ),
        Item(
            "retry-after-not-before-t",
            "`Retry-After` should not be earlier than the `t` of the same response.",
            f"{_DRAFT} section 6",
        ),
        Item(
            "no-unwanted-requests",
            "The fields must not tell a client to send more requests than the server wants.",
            f"{_DRAFT} section 6",
        ),
        Item(
            "capped-ratio",
            "A server should cap the ratio of `r` to `t`.",
            f"{_DRAFT} section 6",
        ),
        Item(
            "spread-resets",
            "Not all clients should come back at the same moment.",
            f"{_DRAFT} section 8",
        ),
        Item(
            "quota-exceeded",
            "The type of a 429 can be the registered `quota-exceeded`, with the names in "
            "`violated-policies`.",
            f"{_DRAFT} section 5",
        ),
        Item(
            "temporary-reduced-capacity",
            "The type of a 503 can be the registered `temporary-reduced-capacity`.",
            f"{_DRAFT} section 5",
            "The 503s of this package are for an API that is unavailable, not one that is slower.",
        ),
        Item(
            "abnormal-usage-detected",
            "The type of a 429 can be the registered `abnormal-usage-detected`.",
            f"{_DRAFT} section 5",
            "This package counts requests and judges none of them.",
        ),
        Item(
            "draft-version",
            "The documentation should say which version of the draft is meant.",
            f"{_DRAFT}",
        ),
    ),
    "Problem details": (
        Item(
            "problem-media-type",
            "The media type is `application/problem+json`.",
            "RFC 9457 section 3",
        ),
        Item(
            "problem-status",
            "`status` must be the status of the response.",
            "RFC 9457 section 3.1.2",
        ),
        Item(
            "problem-type",
            "`type` must be a URI reference. It should be absolute, or a full path.",
            "RFC 9457 section 3.1.1",
        ),
        Item(
            "problem-type-page",
            "`type` should lead to a page for people that explains the error.",
            "RFC 9457 section 3.1.1; RFC 9457 section 4",
        ),
        Item(
            "problem-title",
            "`title` should be the same for each occurrence of a type.",
            "RFC 9457 section 3.1.3",
        ),
        Item(
            "about-blank-title",
            "The title of `about:blank` should be the phrase of the status.",
            "RFC 9457 section 4.2.1",
        ),
        Item(
            "problem-detail",
            "`detail` should help the client to correct the request, and not the author to debug.",
            "RFC 9457 section 3.1.4",
        ),
        Item(
            "problem-values",
            "Clients should not have to parse `detail`: each value in it is a member, too.",
            "RFC 9457 section 3.1.4",
        ),
        Item(
            "problem-instance",
            "`instance` must be a URI reference. It should be absolute, or a full path.",
            "RFC 9457 section 3.1.5",
        ),
        Item(
            "extension-names",
            "The name of a further member should be three or more letters, digits, and "
            "underscores, and begin with a letter.",
            "RFC 9457 section 4",
        ),
        Item(
            "standard-members",
            "No further member can replace a standard one.",
            "RFC 9457 section 3.2",
        ),
        Item(
            "errors-pointer",
            "`errors` is a list of objects with a `detail` and a `pointer`, a JSON Pointer as a "
            "URI fragment.",
            "RFC 9457 section 3; RFC 6901 section 6",
        ),
        Item(
            "pointer-escapes",
            "In a pointer, `~` must be `~0` and `/` must be `~1`, and a fragment must encode "
            "what a URI cannot contain.",
            "RFC 6901 section 3; RFC 6901 section 6",
        ),
        Item(
            "pointer-index",
            "An array index must be decimal, without leading zeros.",
            "RFC 6901 section 4",
        ),
        Item(
            "parameter-instead-of-pointer",
            "A pointer leads into a body, so what is wrong elsewhere has another member.",
            "RFC 9457 section 3",
        ),
        Item(
            "most-urgent",
            "Of several problems of different types, the response should be the most urgent.",
            "RFC 9457 section 3",
        ),
        Item(
            "type-documented",
            "A new type must document its URI, its title, and its status. It can say whether to "
            "retry.",
            "RFC 9457 section 4",
        ),
        Item(
            "no-internals",
            "A problem must not contain internals such as a stack trace.",
            "RFC 9457 section 5",
        ),
        Item(
            "member-types",
            "Clients ignore members of the wrong type, so `status` must be a number and the other "
            "standard members strings.",
            "RFC 9457 section 3.1",
        ),
    ),
    "Security": (
        Item(
            "generic-500",
            "An unexpected error must have a generic message. What happened is in the log.",
            f"OWASP Error Handling; {_REST}; CWE-209",
        ),
        Item("nosniff", "Errors should have `X-Content-Type-Options: nosniff`.", _REST),
        Item("no-store", "Errors should have `Cache-Control: no-store`.", _REST),
        Item(
            "frame-ancestors",
            "Responses should have `Content-Security-Policy: frame-ancestors 'none'`.",
            _REST,
        ),
        Item(
            "page-policy",
            "An HTML page should have a Content Security Policy that begins with "
            "`default-src 'none'`.",
            _REST,
        ),
        Item("page-escapes", "An HTML page must escape all texts of authors.", "CWE-79"),
        Item(
            "no-copied-accept",
            "`Accept` must never be copied into `Content-Type`.",
            _REST,
        ),
        Item(
            "same-refusal",
            "A wrong password and an unknown user must get the same answer.",
            "OWASP Authentication",
        ),
        Item(
            "no-versions",
            "No response should tell the software, its version, or its paths.",
            f"{_REST}; CWE-200",
        ),
        Item(
            "log-injection",
            "What a client sends must not begin a new line in a log message.",
            "CWE-117",
        ),
        Item(
            "stale-fields",
            "An error must not have the `ETag` and `Content-Encoding` of another body.",
            "ASP.NET Core exception handler",
        ),
        Item(
            "stale-cookies",
            "An error should not set cookies that the failed view prepared.",
            "ASP.NET Core exception handler",
        ),
    ),
    "Outside judges": (
        Item(
            "schemathesis",
            "Schemathesis finds nothing in the example, with all of its checks but "
            "`positive_data_acceptance`.",
            "Schemathesis checks",
        ),
        Item(
            "openapi-rate-limit",
            "Every operation of an OpenAPI document declares the rate limit fields of its "
            "successes and 4xx errors.",
            "Spectral OWASP ruleset",
        ),
        Item(
            "openapi-429",
            "Every operation declares a 429.",
            "Spectral OWASP ruleset",
        ),
        Item(
            "openapi-retry-after",
            "Every 429 in a document declares `Retry-After`.",
            "Spectral OWASP ruleset",
        ),
        Item(
            "openapi-400",
            "Every operation declares a 400 or a 422.",
            "Spectral OWASP ruleset",
        ),
        Item(
            "openapi-401",
            "Every operation declares a 401.",
            "Spectral OWASP ruleset",
        ),
        Item(
            "openapi-500",
            "Every operation declares a 500.",
            "Spectral OWASP ruleset",
        ),
        Item(
            "openapi-content",
            "Each error that a document declares has content.",
            "Spectral OWASP ruleset",
        ),
    ),
}
