"""A request of the documentation, as a ``curl`` command."""

from __future__ import annotations

from shlex import quote

SERVER = "http://127.0.0.1:5000"
#: What curl does by itself.
_IMPLIED = {"GET": False, "POST": True}


def curl(request: str) -> str:
    """Return the command that sends a request.

    :param request: The request line, the header fields and, after an empty line, the body.
    """
    head, _, body = request.strip().partition("\n\n")
    first, *fields = head.splitlines()
    method, target, *_ = first.split(" ")
    words = [f"curl -i {quote(SERVER + target)}"]
    if _IMPLIED.get(method) is not bool(body):
        words.append("--head" if method == "HEAD" else f"-X {method}")
    words += [f"-H {quote(field)}" for field in fields]
    if body:
        if not any(field.lower().startswith("content-type:") for field in fields):
            words.append("-H Content-Type:")  # curl says that it is a form
        words.append(f"--data-binary {quote(body)}")
    return " \\\n  ".join(words)
