"""A headless Chromium for the page's tests and for `docs/make_screenshots.py`, through Selenium.

The browser and its driver are the system's (Debian: `apt-get install chromium chromium-driver`); nothing is
downloaded, and no host but this machine can be reached from it.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


class Page:
    """The web page in a browser."""

    def __init__(self, driver: webdriver.Chrome, downloads: Path):
        self.driver, self.downloads = driver, downloads

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        """The first, waited for."""
        return self.wait(lambda: next(iter(self.all(selector)), None), selector)

    def wait(self, condition: Callable[[], Any], what: str, *, seconds: float = 60) -> Any:
        """What the condition gives as soon as it is true."""
        until = time.monotonic() + seconds
        while True:
            try:
                if value := condition():
                    return value
            except StaleElementReferenceException:
                pass
            assert time.monotonic() < until, f"waited {seconds:g} s for {what}; {self.told()}"
            time.sleep(0.05)

    def told(self) -> str:
        """What the page and the browser's console say, for messages of failed tests."""
        errors = [entry["message"] for entry in self.driver.get_log("browser")]
        return (
            f"the page says {self.text('.segue-status')!r} {self.text('.segue-error')!r}; console: {errors}"
        )

    def text(self, selector: str) -> str:
        return " ".join(node.text for node in self.all(selector))

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    # -- what people do ----------------------------------------------------------

    def take_example(self, number: int = 0) -> None:
        # Which picture is there already says nothing: wait for a new one.
        self.run("document.querySelector('.segue-picture').removeAttribute('src')")
        self.one(f".segue-example[data-bundled='{number}']").click()
        self.wait_for_picture()

    def wait_for_picture(self) -> None:
        loaded = "const p = document.querySelector('.segue-picture'); return p.src && p.naturalWidth > 0"
        self.wait(lambda: self.run(loaded), "the picture")

    def ask(self, question: str) -> WebElement:
        """The finished card of the answer."""
        number = len(self.all(".segue-card"))
        field = self.one("#segue-question textarea")
        field.clear()
        field.send_keys(question)
        self.one("#segue-ask").click()
        return self.wait_for_card(number + 1)

    def wait_for_card(self, count: int) -> WebElement:
        done = self.wait(
            lambda: (
                len(self.all(".segue-card")) >= count
                and self.all(".segue-card:first-child.done, .segue-card:first-child:has(.segue-failed)")
            ),
            f"answer {count}",
        )
        return done[0]

    # -- what they see -----------------------------------------------------------

    def mask_pixels(self) -> dict[str, int]:
        """How many pixels of the drawn masks have which colour, and (as "strong") how many are lit."""
        return self.run(
            """
            const canvas = document.querySelector('.segue-masks');
            const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
            const counts = {strong: 0};
            for (let i = 0; i < data.length; i += 4) {
              if (!data[i + 3]) continue;
              // What is half transparent is stored premultiplied: colours come back rounded.
              const near = (value) => Math.round(value / 16);
              const color = [near(data[i]), near(data[i + 1]), near(data[i + 2])].join(',');
              counts[color] = (counts[color] || 0) + 1;
              counts.strong += data[i + 3] > 150;
            }
            return counts;
            """
        )

    def requested_urls(self) -> list[str]:
        """All addresses since the last call."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]


@contextmanager
def browsing(url: str, downloads: Path, *, width: int = 1280, height: int = 900) -> Iterator[Page]:
    """A browser that has the page open."""
    assert BROWSER is not None
    assert DRIVER is not None
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in (*_FLAGS, f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    try:
        driver.get(url)
        page = Page(driver, downloads)
        # The stage's script is the last to come.
        page.wait(
            lambda: page.run("return Boolean(window.segue) && document.querySelector('#segue-ask')"), "it"
        )
        yield page
    finally:
        driver.quit()
