"""Names the key that a view asked for and the request lacks."""

from __future__ import annotations

from itertools import chain
from traceback import walk_tb

from .sentences import Sentence


def missing_key(exc: KeyError) -> Sentence | None:
    """Name the key of ``request.form["berth"]``, if it is a literal or a constant of the author's.

    In ``request.form[request.args["field"]]``, the client chose it, and it is not repeated.

    :returns: ``None`` if the client may have chosen the key.
    """
    key = exc.args[0] if exc.args else None
    if not key or not isinstance(key, str):
        return None
    for frame, _ in walk_tb(exc.__traceback__):
        literals = frame.f_code.co_consts
        words = chain(literals, *(item for item in literals if isinstance(item, tuple)))
        is_literal = any(isinstance(word, str) and word == key for word in words)
        if is_literal or any(value is key for value in frame.f_globals.values()):
            return Sentence("missing-key", name=key)
    return None
