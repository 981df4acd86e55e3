from __future__ import annotations

from flask_apierrors.testing import Finding, Report


def test_a_report_without_findings_is_false() -> None:
    assert not Report()
    assert repr(Report()) == "[]"


def test_findings_are_grouped_by_their_rule() -> None:
    missing = [
        Finding(
            "allow-missing",
            "A 405 has no Allow field.",
            "RFC 9110 section 15.5.6",
            "Add it.",
            f"endpoint{number}",
            f"curl -i -X PUT http://localhost/{number}",
            "405 {}",
        )
        for number in range(5)
    ]
    above = Finding("guard-above-route", "A guard.", "the contract", "Move it.", "x", "", "@own")
    nowhere = Finding(
        "error-page", "A page.", "the contract", "Remove it.", "", "curl /", "404 <p>"
    )
    assert str(Report([missing[0], above, *missing[1:], nowhere])) == (
        "allow-missing: A 405 has no Allow field. (RFC 9110 section 15.5.6)\n"
        "  Add it.\n"
        "  endpoint0: curl -i -X PUT http://localhost/0\n"
        "    405 {}\n"
        "  endpoint1: curl -i -X PUT http://localhost/1\n"
        "    405 {}\n"
        "  endpoint2: curl -i -X PUT http://localhost/2\n"
        "    405 {}\n"
        "  and 2 more\n"
        "\n"
        "guard-above-route: A guard. (the contract)\n"
        "  Move it.\n"
        "  x\n"
        "    @own\n"
        "\n"
        "error-page: A page. (the contract)\n"
        "  Remove it.\n"
        "  a URL without an endpoint: curl /\n"
        "    404 <p>"
    )
