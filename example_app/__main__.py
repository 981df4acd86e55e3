"""``python -m example_app [PORT]``: print what to try, and serve it on 127.0.0.1."""

from __future__ import annotations

import sys

from . import create_app
from .commands import commands

port = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
app = create_app()
for status, what, line in commands(app, f"http://127.0.0.1:{port}"):
    print(f"# {status}: {what}\n{line}\n", flush=True)
app.run("127.0.0.1", port)
