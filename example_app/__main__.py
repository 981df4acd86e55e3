"""``python -m example_app [PORT]``: print requests to try, and serve the API on 127.0.0.1."""

from __future__ import annotations

import socket
import sys

from . import create_app
from .commands import commands

ENVIRONMENT = """\
# TELEMETRY_ and the name of a key is an environment variable that sets the key. Some of them:
# TELEMETRY_DATABASE, TELEMETRY_CLIENTS, TELEMETRY_API_KEYS, TELEMETRY_MAX_CONTENT_LENGTH,
# TELEMETRY_RATELIMIT_DEFAULT, TELEMETRY_RATELIMIT_STORAGE_URI, TELEMETRY_APIERRORS_FORMAT.
# This one allows two queries per minute:
TELEMETRY_APIERRORS_RATE_LIMITS='{"measurements.read": "2/minute", "health.check": null}' make run
"""


def main(*arguments: str) -> None:
    port = requested_port(*arguments)
    url = f"http://127.0.0.1:{port}"
    app = create_app()
    for status, title, line in commands(app, url):
        print(f"# {status}: {title}\n{line}\n")
    print(ENVIRONMENT)
    print(f"# All errors: {url}/errors\n# OpenAPI: {url}/openapi.json\n", flush=True)
    app.run("127.0.0.1", port)


def requested_port(text: str = "5000") -> int:
    """Return a port that is free. Otherwise exit and say what to write."""
    port = int(text) if text.isascii() and text.isdecimal() and len(text) <= 5 else 0
    if not 0 < port < 65_536:
        sys.exit(f"{text!r} is not a port. Choose one from 1 to 65535: make run PORT=5001")
    with socket.socket() as probe:
        # As the server does: connections that just ended don't keep a port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            other = port + 1 if 1_024 <= port < 65_535 else 5001
            sys.exit(f"Port {port}: {error.strerror}. Choose another: make run PORT={other}")
    return port


if __name__ == "__main__":
    main(*sys.argv[1:])
