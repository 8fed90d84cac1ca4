"""Make docs/pictures/page-*.jpg: the web page with the embedded model, on a desk and on a phone.

    python -m docs.make_screenshots

From the repository's root; needs the `dev` extra, chromium and chromedriver (Debian: apt-get install chromium
chromium-driver).
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image
from selenium.webdriver.common.action_chains import ActionChains

import segue
from tests.serving.chromium import Page, browsing
from tests.serving.running import running

PICTURES = Path(__file__).parent / "pictures"
MOST_BYTES = 200_000


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with (
        running(segue.load(), page=True) as server,
        tempfile.TemporaryDirectory() as folder,
        browsing(server.url, Path(folder), width=1280, height=1000) as page,
    ):
        on_a_desk(page)
        words_over_the_picture(page)
        on_a_phone(page)


def on_a_desk(page: Page) -> None:
    """Two questions on one picture; the pointer lights a phrase."""
    set_size(page, 1280, 860)
    page.take_example(0)
    page.ask("Where is the umbrella?")
    page.ask("Segment the dogs.")
    page.ask("Where is the cat?")
    # The first answer in which two things were found shows most, with one of them lit.
    page.one(".segue-card:nth-child(2)").click()
    for mark in page.all(".segue-card.shown mark.segue-phrase")[:1]:
        ActionChains(page.driver).move_to_element(mark).perform()
    shoot(page, "page-desktop.jpg")


def words_over_the_picture(page: Page) -> None:
    """A region's caption, its words being played."""
    page.take_example(1)
    page.ask("Which of these could cut bread?")
    page.one("#segue-describe").click()
    page.wait_for_card(2)
    for play in page.all(".segue-card:first-child .segue-play"):
        play.click()
        page.run("return new Promise((done) => setTimeout(done, 2500))")
    shoot(page, "page-words.jpg")


def on_a_phone(page: Page) -> None:
    set_size(page, 390, 1120, scale=2)
    page.take_example(2)
    page.ask("Where is the horse?")
    page.ask("Where is the cat?")
    page.run("window.scrollTo(0, 0)")
    shoot(page, "page-phone.jpg")


def set_size(page: Page, width: int, height: int, *, scale: float = 1) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": scale > 1}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    page.wait(lambda: page.run("return window.innerWidth") == width, f"a width of {width}")


def shoot(page: Page, name: str) -> None:
    """Save what the browser shows, as small as the limit asks."""
    page.run("return new Promise((done) => setTimeout(done, 400))")  # transitions end
    image = Image.open(io.BytesIO(page.driver.get_screenshot_as_png())).convert("RGB")
    for quality in (88, 80, 70, 60):
        image.save(PICTURES / name, quality=quality, optimize=True)
        if (PICTURES / name).stat().st_size <= MOST_BYTES:
            return
    raise SystemExit(f"{name} is over {MOST_BYTES:,} bytes")


if __name__ == "__main__":
    main()
