from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from flask_apierrors._testing.plugin import _Recorder
from flask_apierrors.testing import Recording

pytest_plugins = ["pytester"]

#: Three lines of a stranger, and his app.
SUITE = """
import pytest
from flask import Flask
from flask_apierrors import ApiError, ApiErrors, raises

class Sold(ApiError):
    code = 410

ERRORS = {1: Sold}

@pytest.fixture
def app():
    app = Flask("shop")
    errors = ApiErrors(app)
    def vessel(imo):
        raise ERRORS[imo]
    app.add_url_rule("/vessels/<int:imo>", "vessel", DECORATOR(vessel))
    app.add_url_rule("/plain", "plain", lambda: "ok")
    return app

def test_sold(app):
    response = app.test_client().get("/vessels/1")
    assert response.status_code == 410

def test_plain(app):
    assert app.test_client().get("/plain").status_code == 200

def test_recorded(app, recorded_errors):
    app.test_client().get("/vessels/1")
    assert recorded_errors.answered.total() == 1

def test_without_the_extension():
    Flask("bare").test_client().get("/")
"""
DECLARED = SUITE.replace("DECORATOR", "raises(Sold)")
UNDECLARED = SUITE.replace("DECORATOR", "")
OPTIONS = ("-p", "no:cacheprovider", "-p", "no:cov")


def test_the_plugin_is_off_until_asked_for(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(UNDECLARED)
    result = pytester.runpytest_inprocess(*OPTIONS)
    result.assert_outcomes(passed=4)
    result.stdout.no_fnmatch_line("*errors of the API*")


def test_an_undeclared_error_fails_the_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(UNDECLARED)
    result = pytester.runpytest_inprocess(*OPTIONS, "--apierrors-record")
    result.assert_outcomes(passed=4)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*errors of the API*",
            "times*status*code*method*endpoint*",
            "Not in the catalogue: 410 sold at GET vessel. Declare it with @raises.",
        ]
    )


def test_declared_errors_pass_and_are_written_to_a_file(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(DECLARED)
    result = pytester.runpytest_inprocess(*OPTIONS, "--apierrors-json", "errors.json")
    assert result.ret == pytest.ExitCode.OK
    recorded = json.loads((pytester.path / "errors.json").read_text("utf-8"))
    assert recorded["answered"] == [["vessel", "GET", 410, "sold", 2]]
    assert recorded["undeclared"] == []
    assert ["vessel", "GET", 500, "internal-server-error"] in recorded["unseen"]


def test_the_processes_of_xdist_are_one_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_one=DECLARED, test_two=DECLARED)
    result = pytester.runpytest_inprocess(*OPTIONS, "-n", "2", "--apierrors-json", "errors.json")
    assert result.ret == pytest.ExitCode.OK
    recorded = json.loads((pytester.path / "errors.json").read_text("utf-8"))
    assert recorded["answered"] == [["vessel", "GET", 410, "sold", 4]]


def test_a_process_of_xdist_hands_its_recording_over() -> None:
    output: dict[str, object] = {}
    recorder = _Recorder(None)
    config = SimpleNamespace(workeroutput=output)
    recorder.pytest_sessionfinish(SimpleNamespace(config=config))  # type: ignore[arg-type]
    assert output == {"apierrors": Recording().to_dict()}


def test_unittest_needs_no_plugin(pytester: pytest.Pytester) -> None:
    path = pytester.makepyfile(
        """
        import unittest
        from flask import Flask
        from flask_apierrors import ApiErrors
        from flask_apierrors.testing import assert_error, audit, record

        class Contract(unittest.TestCase):
            def setUp(self):
                self.app = Flask("app")
                ApiErrors(self.app)
                context = record(self.app)
                self.recording = context.__enter__()
                self.addCleanup(context.__exit__, None, None, None)

            def test_unknown(self):
                assert_error(self.app.test_client().get("/x"), 404, "not-found")
                self.assertEqual(self.recording.answered.total(), 1)

            def test_audit(self):
                self.assertFalse(audit(self.app))

        if __name__ == "__main__":
            unittest.main()
        """
    )
    result = pytester.runpython(path)
    assert result.ret == 0
    result.stderr.fnmatch_lines(["Ran 2 tests*", "OK"])
