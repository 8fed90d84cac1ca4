"""The page, driven in a headless Chromium: what people see and do. The tiny model says what it learned."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

pytest.importorskip("gradio", reason="the page needs gradio")
pytest.importorskip("selenium", reason="a browser is driven through selenium")

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.modeling.speaking import speaking_predictor
from tests.serving.chromium import BROWSER, DRIVER, Page, browsing
from tests.serving.running import Parrot, running, wait_for

pytestmark = pytest.mark.skipif(
    BROWSER is None or DRIVER is None, reason="needs chromium and chromedriver on the PATH"
)

EXAMPLE = Path(__file__).parents[2] / "src/segue/serving/page/assets/scene-street.jpg"
BOTH = "Where are the mug and the spoon?"  # "The red mug, the spoon; no cat."


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server with two models, and one browser for all tests."""
    with (
        running(speaking_predictor(), Parrot(step_seconds=0.2), page=True, max_body_bytes=1 << 20) as server,
        browsing(server.url, tmp_path_factory.mktemp("downloads")) as page,
    ):
        yield SimpleNamespace(server=server, page=page)


@pytest.fixture
def page(served) -> Page:
    """The page with the first example, and nothing asked yet."""
    served.page.take_example(0)
    assert not served.page.all(".segue-card")
    return served.page


def passes(served) -> float:
    """How often the models ran."""
    return served.server.engine.metrics.registry.get_sample_value("segue_batch_size_count")


def colors(page: Page) -> set[str]:
    return set(page.mask_pixels()) - {"strong"}


def hover(page: Page, node, x: int = 0, y: int = 0) -> None:
    ActionChains(page.driver).move_to_element_with_offset(node, x, y).perform()


def test_an_example_is_asked_about_and_phrases_have_their_masks_colours(page):
    assert page.mask_pixels() == {"strong": 0}
    assert "Where is the cat?" in page.text(".segue-suggestion")
    card = page.ask(BOTH)
    assert "The red mug, the spoon; no cat" in card.text
    marks = page.all(".segue-card mark.segue-phrase")
    assert [mark.text for mark in marks] == ["red mug", "spoon"]
    shades = set()
    for mark in marks:
        color = mark.value_of_css_property("border-bottom-color")
        red, green, blue = map(int, re.findall(r"\d+", color)[:3])
        shades.add(f"{round(red / 16)},{round(green / 16)},{round(blue / 16)}")
    assert len(shades) == 2
    assert shades <= colors(page)  # the very colours are on the picture


def test_a_rejected_phrase_is_struck_through_with_its_score(page):
    page.ask(BOTH)
    (struck,) = page.all(".segue-card del.segue-phrase")
    assert struck.text == "cat"
    assert "line-through" in struck.value_of_css_property("text-decoration")
    score = speaking_predictor().ask(EXAMPLE, BOTH).segments[2].score
    (told,) = re.findall(r"cat absent, (\d+)%", page.text(".segue-text"))
    assert int(told) == pytest.approx(100 * score, abs=1)
    assert re.search(r"not in this picture, \d+%", page.text(".segue-legend"))


def test_hovering_lights_both_ways(page):
    page.ask(BOTH)
    plain = page.mask_pixels()["strong"]
    first, second = page.all(".segue-card mark.segue-phrase")
    hover(page, first)
    page.wait(lambda: page.mask_pixels()["strong"] != plain, "a mask that is lit")
    lit = page.mask_pixels()["strong"]
    assert "red mug" in page.text(".segue-label")
    hover(page, second)
    page.wait(lambda: page.mask_pixels()["strong"] != lit, "the other mask")
    # From the picture: a place within the mask, and one without.
    page.ask("Where is the dog?")
    (dog,) = page.all(".segue-card:first-child mark.segue-phrase")
    mask = speaking_predictor().ask(EXAMPLE, "Where is the dog?").segments[0].mask
    stage = page.one(".segue-picture")
    for inside in (True, False):
        x, y = deepest(mask if inside else ~mask)
        size = stage.size
        hover(page, stage, int((x / 384 - 0.5) * size["width"]), int((y / 288 - 0.5) * size["height"]))
        lit = "dog" if inside else "nothing"
        page.wait(lambda: ("hot" in dog.get_attribute("class")) == inside, f"{lit} lit")  # noqa: B023


def deepest(mask: np.ndarray) -> tuple[int, int]:
    """The place (x, y) of a mask that is furthest from its border."""
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(int(depth.argmax()), depth.shape)
    return int(x), int(y)


def test_the_second_question_finds_the_features_kept(served, page):
    took = []
    # A picture that nobody has seen: the examples may be known from other tests.
    path = page.downloads / "fresh.png"
    Image.effect_noise((300, 200), 80).convert("RGB").save(path)
    page.one(".segue-file").send_keys(str(path))
    page.wait(lambda: "fresh.png" in page.text(".segue-status"), "the picture")
    for number, question in enumerate((BOTH, "Where is the dog?"), start=1):
        page.ask(question)
        line = page.one(".segue-card:first-child .segue-progress")
        took.append(float(line.get_attribute("data-encode")))
        assert (line.get_attribute("data-cached") == "true") == (number == 2)
        assert ("already seen" in line.text) == (number == 2)
    assert took[0] > 0 == took[1]
    assert len(page.all(".segue-card")) == 2  # a conversation: both are there
    page.one(".segue-card:last-child").click()
    page.wait(lambda: "shown" in page.one(".segue-card:last-child").get_attribute("class"), "the first again")


def test_the_slider_moves_masks_without_the_model(served, page):
    page.ask(BOTH)
    before = passes(served)
    sizes = []
    for value in (0.1, 0.5, 0.9):
        move_slider(page, value)
        sizes.append(sum(page.mask_pixels().values()) - page.mask_pixels()["strong"])
    move_slider(page, 0.5)
    assert sizes[0] > sizes[1] > sizes[2]
    assert passes(served) == before


def move_slider(page: Page, value: float) -> None:
    slider = page.one("#segue-threshold input[type=range]")
    page.run(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input', {bubbles: true}));",
        slider,
        value,
    )
    number = "#segue-threshold input[type=number]"
    page.wait(lambda: float(page.one(number).get_attribute("value")) == value, f"the slider at {value}")
    page.run("return new Promise((done) => setTimeout(done, 150))")


def test_answers_are_saved_as_png_json_and_coco(page):
    page.ask(BOTH)
    move_slider(page, 0.7)
    for kind, name in (
        ("png", "scene-street-answer.png"),
        ("json", "scene-street-answer.json"),
        ("coco", "scene-street-answer.coco.json"),
    ):
        page.one(f".segue-save-{kind}").click()
        path = page.downloads / name
        wait_for(path.exists, seconds=30)
        assert path.stat().st_size > 300
    move_slider(page, 0.5)
    with Image.open(page.downloads / "scene-street-answer.png") as image:
        assert image.width >= 384
    answer = json.loads((page.downloads / "scene-street-answer.json").read_text())
    assert [segment["rejected"] for segment in answer["segments"]] == [False, False, True]
    coco = json.loads((page.downloads / "scene-street-answer.coco.json").read_text())
    assert [annotation["phrase"] for annotation in coco["annotations"]] == ["red mug", "spoon"]
    # At the slider's threshold, not at the model's own.
    plain = speaking_predictor().ask(EXAMPLE, BOTH).segments
    assert all(a["area"] < s.area for a, s in zip(coco["annotations"], plain, strict=False))


def test_a_wrong_file_gets_a_friendly_word(page):
    path = page.downloads / "notes.txt"
    path.write_text("This is no picture.")
    page.one(".segue-file").send_keys(str(path))
    said = page.wait(lambda: page.text(".segue-error"), "the message")
    assert said.startswith("Notes.txt is not an image"), said
    assert "Traceback" not in said
    path.write_bytes(bytes(1 << 20))  # too large: told before anything is sent
    page.one(".segue-file").send_keys(str(path))
    page.wait(lambda: "make it smaller" in page.text(".segue-error"), "the limit")
    assert "The red mug" in page.ask(BOTH).text  # the picture from before is still there


def test_boxes_and_points_ask_for_captions_of_regions(page):
    stage = page.one(".segue-picture")
    page.one(".segue-tool[data-tool='box']").click()
    ActionChains(page.driver).move_to_element_with_offset(stage, -60, -40).click_and_hold().move_by_offset(
        80, 60
    ).release().perform()
    page.wait(lambda: "region" in page.text(".segue-region"), "the box")
    assert page.one(".segue-box").is_displayed()
    x0, y0, x1, y1 = map(int, re.findall(r"\d+", page.text(".segue-region")))
    assert x1 - x0 == pytest.approx(80 * 384 / stage.size["width"], abs=2)
    page.one("#segue-describe").click()
    card = page.wait_for_card(1)
    assert "The dog." in card.text  # what the model has learned to say of regions
    assert f"{x0}, {y0}, {x1}, {y1}" in card.text
    page.one(".segue-clear").click()
    page.one(".segue-tool[data-tool='point']").click()
    hover(page, stage)
    ActionChains(page.driver).click().perform()
    box = page.wait(lambda: re.findall(r"\d+", page.text(".segue-region")), "the point's box")
    assert 0 < int(box[0]) < 192 < int(box[2]) < 384  # around the middle
    page.one(".segue-tool[data-tool='look']").click()


def test_the_keyboard_is_enough(page):
    page.run("document.querySelector('.segue-stage').focus()")
    page.run("document.querySelector(\".segue-tool[data-tool='box']\").click()")
    keys = (
        [Keys.ARROW_LEFT] * 3 + [Keys.ENTER] + [Keys.ARROW_RIGHT] * 6 + [Keys.ARROW_DOWN] * 4 + [Keys.ENTER]
    )
    page.one(".segue-stage").send_keys(*keys)
    box = [int(value) for value in re.findall(r"\d+", page.text(".segue-region"))]
    assert box[2] - box[0] == pytest.approx(6 * 384 / 50, abs=1)
    assert box[3] - box[1] == pytest.approx(4 * 384 / 50, abs=1)
    page.one(".segue-stage").send_keys(Keys.ESCAPE)
    assert page.text(".segue-region") == ""
    page.run("document.querySelector(\".segue-tool[data-tool='look']\").click()")
    field = page.one("#segue-question textarea")
    field.send_keys(BOTH, Keys.ENTER)  # Enter asks
    page.wait_for_card(1)
    page.one(".segue-stage").send_keys(Keys.ARROW_RIGHT)
    assert [node.text for node in page.all("mark.segue-phrase.hot")] == ["red mug"]
    page.one(".segue-stage").send_keys(Keys.ARROW_RIGHT)
    assert [node.text for node in page.all("mark.segue-phrase.hot")] == ["spoon"]


def test_the_words_are_played_over_the_picture(page):
    page.one("#segue-describe").click()
    page.wait_for_card(1)
    page.one(".segue-play").click()
    first = page.wait(lambda: page.text(".segue-word.spoken"), "the first word")
    page.wait(lambda: page.text(".segue-word.spoken") not in ("", first), "the next word")
    drawn = """
        const canvas = document.querySelector('.segue-trace');
        return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)
    """
    assert page.run(drawn)
    page.one(".segue-play").click()
    assert not page.run(drawn)


def test_another_model_answers_as_it_comes_and_can_be_stopped(served, page):
    choose_model(page, "parrot")
    field = page.one("#segue-question textarea")
    field.send_keys("say 200", Keys.ENTER)
    page.wait(lambda: "word2" in page.text(".segue-card .segue-text"), "words while they come")
    assert re.search(r"answering \.\.\. \d+\.\d s", page.text(".segue-progress"))
    page.one("#segue-stop").click()
    page.wait(lambda: "stopped" in page.text(".segue-progress"), "the stop")
    wait_for(lambda: served.server.engine.num_places == 0)
    assert page.text(".segue-error") == ""
    card = page.ask("say 2")
    assert "parrot" in card.text
    assert "threshold does not change them" in card.text  # its masks come without probabilities
    choose_model(page, "speaking")


def choose_model(page: Page, name: str) -> None:
    field = page.one("#segue-model input")
    field.click()
    page.wait(lambda: [n for n in page.all("#segue-model [role=option]") if name in n.text], name)[0].click()
    page.wait(lambda: f"{name} answers" in page.text(".segue-status"), "the model")


def test_nothing_is_fetched_from_elsewhere_and_a_phone_has_room(served, page):
    hosts = {urlsplit(url).netloc for url in page.requested_urls() if url.startswith(("http", "ws"))}
    assert hosts == {urlsplit(served.server.url).netloc}
    page.ask(BOTH)
    size = page.driver.get_window_size()
    try:
        page.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True},
        )
        page.wait(lambda: page.run("return window.innerWidth") == 390, "the phone")
        assert page.run("return document.documentElement.scrollWidth") <= 390
        lowest = page.run("return document.querySelector('.segue-picture').getBoundingClientRect().right")
        assert lowest <= 390
        small = [
            n.text
            for n in page.all("#segue-stage button, .segue-actions button")
            if 0 < n.rect["height"] < 40
        ]
        assert small == []  # a thumb's size
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.driver.set_window_size(size["width"], size["height"])


def test_the_console_is_clean(page):
    page.ask(BOTH)
    severe = [e["message"] for e in page.driver.get_log("browser") if e["level"] == "SEVERE"]
    assert severe == []
