"""API keys in a header, in the query or in a cookie."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import parse_qsl

from flask import Request
from werkzeug.sansio.http import parse_cookie

from .._core.errors import InvalidCredentials
from .._core.http import TOKEN
from .._core.scheme import Scheme
from .._core.sentences import Sentence
from .._core.state import environ_key

Location = Literal["header", "query", "cookie"]
#: Printable ASCII: an author's function may compare it with `hmac.compare_digest`, which takes no
#: other text.
_KEY = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_NAME = re.compile(TOKEN)


class ApiKey(Scheme):
    """API keys.

    :param verify: The function of ``@errors.verify_key``.
    :param location: Where the key is.
    :param parameter: The name of the header field, the parameter or the cookie.
    :param name: The name of the scheme.
    :raises ValueError: for a name that cannot be one.
    """

    credentials_name = "an API key"
    auth_scheme = "ApiKey"
    _invalid = Sentence("invalid-key")

    def __init__(
        self, verify: Callable[[str], Any], location: Location, parameter: str, name: str
    ) -> None:
        if not isinstance(parameter, str) or not _NAME.fullmatch(parameter):
            raise ValueError(f"{location}={parameter!r}: give a name without spaces.")
        if parameter.lower() == "authorization":
            raise ValueError(
                "The Authorization header has a scheme and credentials. Use @errors.verify_token "
                "or @errors.verify_basic, or write a Scheme for another one."
            )
        self._verify = verify
        self._location = location
        self._parameter = parameter
        self._environ_key = environ_key(parameter)
        self.name = name
        self.security_scheme = {"type": "apiKey", "in": location, "name": parameter}
        self.is_ambient = location == "cookie"

    def credentials(self, request: Request) -> str | None:
        """Return the key of a request, even if it is malformed.

        Reads the raw fields, because what an app read of a request says whose mistake invalid data
        is. An empty cookie is one that was deleted.
        """
        environ = request.environ
        if self._location == "header":
            key: str | None = environ.get(self._environ_key)
            return key
        if self._location == "query":
            return _single(self._values_in_query(environ.get("QUERY_STRING") or ""))
        cookies = environ.get("HTTP_COOKIE") or ""
        if self._parameter not in cookies:
            return None
        return _single(parse_cookie(cookies).getlist(self._parameter)) or None

    def _values_in_query(self, query: str) -> list[str]:
        if self._parameter not in query and "%" not in query:
            return []
        pairs = parse_qsl(query, keep_blank_values=True)
        return [value for name, value in pairs if name == self._parameter]

    def verify(self, credentials: str) -> Any:
        """Return what the author's function returns for a key.

        :raises InvalidCredentials: for a malformed one, which the function never gets.
        """
        if not _KEY.fullmatch(credentials):
            raise InvalidCredentials(Sentence("malformed-key"))
        return self._verify(credentials)


def _single(values: list[str]) -> str | None:
    """Return the one value, or a text that is no key if there are several."""
    return "\n".join(dict.fromkeys(values)) if values else None
