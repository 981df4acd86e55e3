"""``make pictures``: the pictures of README.md and of the pages, made by Chromium."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Flask
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from werkzeug.serving import make_server

from example_app import create_app

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
WIDTH = 880

STYLE = """
:root { color-scheme: light dark; --line: light-dark(#d1d9e0, #3d444d);
    --bar: light-dark(#c8d1da, #444c56); --own: light-dark(#0969da, #4493f8); }
body { margin: 0; padding: 16px; font: 15px/1.5 system-ui, sans-serif; width: max-content;
    color: light-dark(#1f2328, #e6edf3); background: light-dark(#fff, #0d1117); }
pre { margin: 0; padding: 14px 18px; border: 1px solid var(--line); border-radius: 8px;
    font: 14px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; }
b { color: var(--own); }
table { border-collapse: collapse; }
td, th { padding: 3px 12px; border-bottom: 1px solid var(--line); text-align: left; }
i { display: inline-block; height: 10px; margin-right: 8px; background: var(--bar); }
.own { font-weight: bold; } .own i { background: var(--own); }
"""


def terminal() -> str:
    """Return what ``routes`` and ``doctor`` print for the app of docs/cli.md."""
    page = (ROOT / "docs" / "cli.md").read_text()
    app, *blocks = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    mistake = next(block for block in blocks if "def cancel" in block)
    screens = []
    with TemporaryDirectory() as folder:
        (Path(folder) / "harbor.py").write_text(f"{app}\n\n{mistake}")
        for command in ("routes", "doctor"):
            line = ["flask", "--app", "harbor", "apierrors", command]
            run = subprocess.run(  # noqa: S603
                [sys.executable, "-m", *line],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
            )
            screens.append(f"<b>$ {' '.join(line)}</b>\n{escape(run.stdout)}")
    return f"<pre>{'<br>'.join(screens).rstrip()}</pre>"


def benchmark() -> str:
    """Return the table of costs in README.md, with bars."""
    text = (ROOT / "README.md").read_text()
    head, _, *rows = [
        [cell.strip("`* ") for cell in line.strip("|").split("|")]
        for line in text[text.index("| ratio to bare Flask ") :].partition("\n\n")[0].splitlines()
    ]
    names = "".join(f"<th>{name}</th>" for name in head)
    body = "".join(
        f"<tr><th>{title}</th><td>{time}</td>{''.join(map(bar, ratios))}{bar(own, 'own')}</tr>"
        for title, time, *ratios, own in rows
    )
    return f"<table><tr>{names}</tr>{body}</table>"


def bar(ratio: str, kind: str = "") -> str:
    return f'<td class="{kind}"><i style="width: {float(ratio) * 22:.0f}px"></i>{ratio}</td>'


@contextmanager
def served(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def browser() -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(argument)
    driver = Chrome(options, ChromeService(shutil.which("chromedriver")))
    yield driver
    driver.quit()


def take(driver: Chrome, address: str, name: str, height: int | None = None) -> None:
    """Save a page in light and in dark: as high as it is, or cut off."""
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        size = {"width": WIDTH, "height": height or 100, "deviceScaleFactor": 1.5, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get(address)
        box = driver.execute_script(
            "const box = document.body.getBoundingClientRect();"
            "return [Math.ceil(box.right), Math.ceil(box.bottom)]"
        )
        clip = {"x": 0, "y": 0, "width": WIDTH if height else box[0], "height": height or box[1]}
        picture = driver.execute_cdp_cmd(
            "Page.captureScreenshot",
            {"format": "png", "clip": clip | {"scale": 1}, "captureBeyondViewport": True},
        )
        (PICTURES / f"{name}-{scheme}.png").write_bytes(b64decode(picture["data"]))


def main() -> None:
    pages = {"terminal": terminal(), "benchmark": benchmark()}
    site = Flask("pictures")
    for name, page in pages.items():
        text = f"<!doctype html><link rel=icon href=data:,><style>{STYLE}</style>{page}"
        site.add_url_rule(f"/{name}", name, lambda text=text: text)
    PICTURES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, browser() as driver:
        example = create_app({"DATABASE": f"{folder}/telemetry.sqlite"})
        with served(example) as address:
            take(driver, f"{address}/errors/series-not-found", "reference-page", 600)
        with served(site) as address:
            for name in pages:
                take(driver, f"{address}/{name}", name)


if __name__ == "__main__":
    main()
