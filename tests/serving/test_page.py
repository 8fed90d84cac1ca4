"""What stands behind the page: conversations, their memory, messages to the browser, the gate. No browser."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import socket
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("gradio", reason="the page needs gradio")

from segue.answer import Answer
from segue.serving.engine import Engine
from segue.serving.page.bundled import BUNDLED, read_asset
from segue.serving.page.messages import data_url
from segue.serving.page.sessions import Entry, Session, Sessions
from segue.serving.page.talk import Talk
from segue.serving.routes import Desk
from segue.serving.settings import Settings
from segue.serving.work import digest_of
from tests.modeling.speaking import assert_same, picture, speaking_predictor
from tests.serving.running import Parrot, running
from tests.serving.running import data_url as png_url

BOTH = "Where are the mug and the spoon?"
KEY = "an open page"


@pytest.fixture
def make_talk():
    engines = []

    def make(*predictors, **changes):
        settings = Settings(**changes)
        engines.append(Engine(predictors or [speaking_predictor()], settings))
        return Talk(Desk(engines[-1], settings))

    yield make
    for engine in engines:
        engine.close()


def talk_about(talk, *questions, image=None, key=KEY, kind="ask", region=None):
    """All messages: the picture's, then those of each question."""

    async def run():
        told = [await talk.take_picture({"number": 1, "data": png_url(image)}, key=key, model=None)]
        for number, question in enumerate(questions, start=1):
            given = {"entry": number, "picture": 1, "region": region}
            told += [m async for m in talk.answer(kind, question, given, key=key, model=None)]
        return told

    return asyncio.run(run())


def saved(talk, **wish):
    message = asyncio.run(talk.save({"entry": 1, "format": "json"} | wish, key=KEY))
    assert "error" not in message, message
    return message["file"], base64.b64decode(message["url"].partition(",")[2])


def levels_of(segment):
    data = base64.b64decode(segment["levels"].partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)))


def test_an_answer_comes_with_colours_and_probabilities(make_talk):
    shown, *steps = talk_about(make_talk(), BOTH, image=picture())
    assert (shown["width"], shown["height"], shown["questions"]) == (48, 40, [])
    assert shown["url"].startswith("data:image/jpeg;base64,")
    assert steps[0]["stage"] == "looking at the picture"
    texts = [step["text"] for step in steps if "text" in step]
    assert all(longer.startswith(shorter) for shorter, longer in pairwise(texts))
    answer = steps[-1]["answer"]
    plain = speaking_predictor().ask(picture(), BOTH)
    assert answer["text"] == plain.text
    assert answer["adjustable"]
    mug, spoon, cat = answer["segments"]
    assert len({mug["color"], spoon["color"], cat["color"]}) == 3
    assert (cat["rejected"], cat["levels"]) == (True, None)
    for told, segment in zip((mug, spoon), plain.segments, strict=False):
        assert ((levels_of(told) >= 128) != segment.mask).sum() <= 2


def test_the_second_question_costs_no_encoding(make_talk):
    _, *steps = talk_about(make_talk(), BOTH, "Where is the dog?", image=picture())
    first, second = [step["answer"] for step in steps if "answer" in step]
    assert not first["cached"]
    assert second["cached"]
    assert first["timing_ms"]["encode"] > 0 == second["timing_ms"]["encode"]


def test_regions_are_captioned(make_talk):
    _, *steps = talk_about(make_talk(), "", image=picture(), kind="caption", region=[0, 0, 8, 8])
    assert steps[-1]["answer"]["text"] == "The dog."


def test_files_follow_the_slider(make_talk):
    talk = make_talk()
    talk_about(talk, BOTH, image=picture())
    plain = speaking_predictor().ask(picture(), BOTH)
    name, data = saved(talk)
    assert name == "picture-answer.json"
    assert_same(Answer.from_json(data.decode()), plain)
    _, data = saved(talk, threshold=0.7)
    smaller = Answer.from_json(data.decode())
    assert all(a.area < b.area for a, b in zip(smaller.segments[:2], plain.segments, strict=False))
    name, data = saved(talk, format="coco", threshold=0.7)
    assert name == "picture-answer.coco.json"
    areas = [annotation["area"] for annotation in json.loads(data)["annotations"]]
    assert areas == [segment.area for segment in smaller.segments[:2]]
    name, data = saved(talk, format="png")
    assert name == "picture-answer.png"
    assert Image.open(io.BytesIO(data)).width >= 480


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"number": 1, "data": data_url(b"hello", "")}, "image"),  # text
        ({"number": 1, "data": data_url(read_asset("chelsea.jpg")[:3000], "")}, "truncated|broken|ends"),
        ({"number": 1, "data": "/etc/passwd"}, "paths are never opened"),  # a path of the server
        ({"number": 1, "data": "https://example.org/cat.png"}, "URL of another kind"),
        ({"number": 1}, "empty"),
        ({"number": 1, "bundled": 99}, "reload"),  # no such example
        ("what?", "reload"),  # not of our script
    ],
)
def test_what_is_no_picture_is_told_so(make_talk, given, told):
    message = asyncio.run(make_talk(Parrot()).take_picture(given, key=KEY, model=None))
    assert set(message) == {"number", "error"}
    assert re.search(told, message["error"]), message["error"]
    assert "Traceback" not in message["error"]


def test_limits_are_the_servers(make_talk):
    talk = make_talk(Parrot(), max_pixels=40)
    assert "over this server's limit" in talk_about(talk)[0]["error"]
    talk = make_talk(Parrot(), max_question_chars=5)
    assert "characters" in talk_about(talk, "say 10")[-1]["error"]
    talk = make_talk(Parrot(), places=1)
    with talk.desk.engine.enter():
        assert "busy" in talk_about(talk, "say 1")[-1]["error"]
    talk = make_talk(Parrot(step_seconds=0.05), deadline=0.2)
    assert "took longer" in talk_about(talk, "say 100")[-1]["error"]


def test_our_own_faults_are_not_shown(make_talk, caplog):
    talk = make_talk(Parrot())
    assert (
        talk_about(talk, "break")[-1]["error"] == "something went wrong on the server; its log has the reason"
    )
    assert "secret/path is broken" in caplog.text


def test_questions_without_a_picture_and_forgotten_answers(make_talk):
    talk = make_talk(Parrot())

    async def ask():
        return [m async for m in talk.answer("ask", "what?", {"entry": 1, "picture": 1}, key=KEY, model=None)]

    assert "no picture yet" in asyncio.run(ask())[-1]["error"]
    message = asyncio.run(talk.save({"entry": 1, "format": "json"}, key=KEY))
    assert "ask again" in message["error"]


def test_who_leaves_is_not_answered_further(make_talk):
    parrot = Parrot(step_seconds=0.02)
    talk = make_talk(parrot)

    async def leave():
        await talk.take_picture({"number": 1, "data": png_url()}, key=KEY, model=None)
        run = talk.answer("ask", "say 400", {"entry": 1, "picture": 1}, key=KEY, model=None)
        async for message in run:
            if "text" in message:
                await run.aclose()
                return

    asyncio.run(leave())
    assert talk.desk.engine.num_places == 0
    talk.desk.engine.close()
    assert len(parrot.steps) < 100


# -- memory --------------------------------------------------------------------------


def entry(size=1000):
    return Entry(Answer("x" * size))


def session(size=1000, entries=0):
    made = Session(bytes(size), "a.png", "digest")
    for number in range(entries):
        made.entries[number] = entry()
    return made


def test_the_least_used_conversation_is_forgotten_first():
    sessions = Sessions(max_bytes=3500)
    for key in "abc":
        sessions.put(key, session())
    assert sessions.get("a") is not None
    sessions.put("d", session())
    assert [key for key in "abcd" if sessions.get(key)] == ["a", "c", "d"]
    assert sessions.num_bytes == 3000
    sessions.put("e", session(5000))  # larger than the budget: it alone stays
    assert len(sessions) == 1
    sessions.put("e", session(10))
    assert sessions.num_bytes == 10


def test_a_conversation_keeps_its_last_answers():
    sessions = Sessions(max_entries=3)
    long = session(entries=5)
    sessions.put("a", long)
    assert list(long.entries) == [2, 3, 4]
    assert sessions.num_bytes == long.num_bytes > 1000


# -- the page over HTTP ----------------------------------------------------------------


@pytest.fixture(scope="module")
def server():
    with running(Parrot(), page=True) as server:
        yield server


def test_the_page_is_where_people_look_and_the_api_beside_it(server):
    moved = server.client.get("/")
    assert (moved.status_code, moved.headers["location"]) == (307, "ui/")
    page = httpx.get(server.url + "/", follow_redirects=True, trust_env=False)
    assert page.status_code == 200
    assert "segue-stage" in page.text
    assert server.ask().status_code == 200
    missing = server.client.get("/nothing")
    assert missing.json()["error"]["message"].startswith("there is nothing")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/ui/gradio_api/upload"),  # would write to the server's disk
        ("GET", "/ui/gradio_api/file=/etc/passwd"),
        ("GET", "/ui/gradio_api/file/etc/passwd"),
        ("GET", "/ui/gradio_api/proxy=https://example.org/"),
        ("POST", "/ui/gradio_api/component_server"),
        ("POST", "/ui/gradio_api/run/on_picture"),
        ("GET", "/ui/assets/../../../../../etc/passwd"),
        ("GET", "/ui/assets/%2e%2e/%2e%2e/index.html"),
        ("GET", "/ui/login_check"),
        ("DELETE", "/ui/"),
    ],
)
def test_the_gate_leaves_only_what_the_page_uses(server, method, path):
    response = server.client.request(method, path)
    assert response.status_code == 404
    assert response.json()["error"]["type"] == "not_found_error"


def test_the_token_is_asked_for():
    with running(Parrot(), page=True, token="open sesame") as server:
        refused = server.client.get("/ui/")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Basic")  # browsers ask for it then
        assert server.client.get("/ui/", auth=("anybody", "open sesame")).status_code == 200


def test_making_the_page_reaches_for_nothing(make_talk, monkeypatch):
    from segue.serving.page.layout import make_blocks, make_theme

    talk = make_talk(Parrot())

    def refuse(*arguments, **fields):
        raise AssertionError(f"a connection to {arguments} was tried")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    blocks = make_blocks(talk)
    assert not blocks.analytics_enabled
    assert "http" not in str(make_theme()._stylesheets)


def test_bundled_pictures_are_the_examples():
    for bundled in BUNDLED:
        example = Path(__file__).parents[2] / "examples" / "images" / bundled.file
        assert digest_of(read_asset(bundled.file)) == digest_of(example.read_bytes())
    assert "://" not in read_asset("page.css").decode() + read_asset("page.js").decode()
