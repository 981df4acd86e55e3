"""Use an installed package: import it, answer an error, serve its pages, run its command."""

import sys
from pathlib import Path

from click.testing import CliRunner
from flask import Flask
from flask.cli import FlaskGroup

import flask_apierrors

assert Path(flask_apierrors.__file__).is_relative_to(sys.prefix), flask_apierrors.__file__
assert Path(flask_apierrors.__file__).with_name("py.typed").is_file()

app = Flask("smoke")
app.config["APIERRORS_REFERENCE_URL"] = "/errors"
flask_apierrors.ApiErrors(app)
client = app.test_client()

missing = client.get("/missing")
assert missing.get_json() == {"error": "The requested resource does not exist."}
for accept in ("text/html", "text/markdown", "application/json"):
    page = client.get("/errors", headers={"Accept": accept})
    assert (page.status_code, page.mimetype) == (200, accept)

printed = CliRunner().invoke(FlaskGroup(create_app=lambda: app), ["apierrors", "routes"])
assert printed.exit_code == 0, printed.output
print("1 passed, 0 failed: the wheel works away from its source")
