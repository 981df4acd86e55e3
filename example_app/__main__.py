"""``python -m example_app [PORT]``: print requests to try, and serve the API on 127.0.0.1."""

from __future__ import annotations

import sys

from . import create_app
from .commands import commands

port = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
app = create_app()
for status, title, line in commands(app, f"http://127.0.0.1:{port}"):
    print(f"# {status}: {title}\n{line}\n", flush=True)
app.run("127.0.0.1", port)
