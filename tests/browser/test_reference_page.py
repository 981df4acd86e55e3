"""The reference page of the example API in a real browser: ``make test-browser``."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from json import loads
from pathlib import Path
from typing import Any

import pytest
from axe_core_python.selenium import Axe
from flask import Flask
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from example_app import create_app

PAGES = (
    "/errors",
    "/errors/forbidden",
    "/errors/series-not-found",
    "/errors/internal-server-error",
    "/errors/status-499",
)
SCHEMES = ("light", "dark")
WIDTHS = (360, 1280)


@pytest.fixture(scope="session")
def address(serve: Callable[[Flask], str], tmp_path_factory: pytest.TempPathFactory) -> str:
    """Run the example API. Return its address."""
    database = tmp_path_factory.mktemp("store") / "telemetry.sqlite"
    return serve(create_app({"DATABASE": str(database), "APIERRORS_REFERENCE_URL": "/errors"}))


def open_page(
    browser: Chrome, address: str, scheme: str = "light", width: int = 1280, media: str = "screen"
) -> None:
    """Open a page with a screen and the preferences of a reader."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.get(address)


def style_of(browser: Chrome, selector: str, name: str) -> Any:
    return browser.execute_script(
        "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]",
        selector,
        name,
    )


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_is_accessible(
    browser: Chrome, address: str, page: str, scheme: str, width: int
) -> None:
    open_page(browser, address + page, scheme, width)
    report = Axe().run(browser)
    problems = report["violations"] + report["incomplete"]
    assert [(item["id"], [node["html"] for node in item["nodes"]]) for item in problems] == []
    assert "color-contrast" in {item["id"] for item in report["passes"]}


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("width", [320, *WIDTHS])
def test_a_page_fits_its_width(browser: Chrome, address: str, page: str, width: int) -> None:
    open_page(browser, address + page, width=width)
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def log_of(browser: Chrome) -> list[Any]:
    """Return what the browser logged since the last call."""
    entries: list[Any] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return entries


@pytest.mark.parametrize("page", PAGES)
def test_a_page_logs_no_warnings_and_loads_no_resources(
    browser: Chrome, address: str, page: str
) -> None:
    log_of(browser)
    open_page(browser, address + page)
    assert log_of(browser) == []
    assert (
        browser.execute_script(
            "return performance.getEntriesByType('resource').map(entry => entry.name)"
        )
        == []
    )


def test_the_policy_allows_only_the_style_of_the_page(browser: Chrome, address: str) -> None:
    open_page(browser, address + "/errors")
    assert style_of(browser, "body", "maxWidth") != "none"
    browser.execute_script(
        "const style = document.createElement('style');"
        "style.textContent = 'h1 { color: rgb(1, 2, 3) }';"
        "document.head.append(style)"
    )
    assert style_of(browser, "h1", "color") != "rgb(1, 2, 3)"


def test_the_colors_follow_the_readers_preference(browser: Chrome, address: str) -> None:
    backgrounds = []
    for scheme in SCHEMES:
        open_page(browser, address + "/errors", scheme)
        backgrounds.append(style_of(browser, "body", "backgroundColor"))
    light, dark = (sum(map(int, color[4:-1].split(","))) for color in backgrounds)
    assert dark < 150 < 700 < light


def test_a_printed_page_is_black_on_white_and_has_no_navigation(
    browser: Chrome, address: str
) -> None:
    open_page(browser, address + "/errors/forbidden", "dark", media="print")
    assert style_of(browser, "body", "color") == "rgb(0, 0, 0)"
    assert style_of(browser, "body", "backgroundColor") == "rgb(255, 255, 255)"
    assert style_of(browser, "nav", "display") == "none"
    assert style_of(browser, ".skip", "display") == "none"


def test_a_page_can_be_used_with_the_keyboard(browser: Chrome, address: str) -> None:
    open_page(browser, address + "/errors")
    body = browser.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    skip = browser.switch_to.active_element
    assert skip.text == "Skip to content"
    assert skip.rect["x"] >= 0
    skip.send_keys(Keys.ENTER)
    assert browser.switch_to.active_element.get_attribute("id") == "main"
    browser.switch_to.active_element.send_keys(Keys.TAB)
    link = browser.switch_to.active_element
    assert link.tag_name == "a"
    assert (
        browser.execute_script("return getComputedStyle(arguments[0]).outlineStyle", link)
        == "solid"
    )


def test_links_lead_from_the_overview_to_an_error_and_back(browser: Chrome, address: str) -> None:
    open_page(browser, address + "/errors", width=360)
    browser.find_element(By.LINK_TEXT, "All errors").click()
    browser.find_element(By.CSS_SELECTOR, "#codes ~ table").find_element(
        By.LINK_TEXT, "Series not found"
    ).click()
    assert browser.find_element(By.TAG_NAME, "h1").text == "404 Series not found"
    assert (
        "GET /measurements/{domain}/{expression}" in browser.find_element(By.TAG_NAME, "main").text
    )
    browser.find_element(By.LINK_TEXT, "All errors of this API").click()
    assert browser.current_url == address + "/errors"


def test_the_type_of_an_error_is_the_address_of_its_page(browser: Chrome, address: str) -> None:
    request = urllib.request.Request(
        address + "/annotations", headers={"Accept": "application/problem+json"}
    )
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request)
    problem = loads(refusal.value.read())
    refusal.value.close()
    open_page(browser, address + problem["type"])
    assert browser.find_element(By.TAG_NAME, "h1").text == f"{problem['status']} {problem['title']}"
    assert problem["detail"] in browser.find_element(By.TAG_NAME, "pre").text


def test_a_page_can_be_printed(browser: Chrome, address: str, tmp_path: Path) -> None:
    open_page(browser, address + "/errors")
    assert browser.execute_cdp_cmd("Page.printToPDF", {})["data"].startswith("JVBERi0")
