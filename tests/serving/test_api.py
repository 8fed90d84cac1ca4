"""Every endpoint against a running server, with answers as the model alone gives them; and every refusal."""

from __future__ import annotations

import base64
import io
import json
import struct
import threading
import zlib

import numpy as np
import pytest
from PIL import Image

from segue.answer import Answer, encode_mask
from tests.modeling.speaking import LEARNED, assert_same, picture, speaking_predictor
from tests.serving.running import Parrot, data_url, png, running, wait_for

DOG = "Where is the dog?"
MUG_AND_SPOON = "Where are the mug and the spoon?"


@pytest.fixture(scope="module")
def model():
    return speaking_predictor()


@pytest.fixture(scope="module")
def server(model):
    with running(model, max_questions=4, max_pixels=10_000, max_body_bytes=100_000) as server:
        yield server


@pytest.fixture(scope="module")
def parrots():
    with running(Parrot("first"), Parrot("second")) as server:
        yield server


# -- answers -------------------------------------------------------------------------


def test_ask(server, model):
    response = server.ask(MUG_AND_SPOON, data_url(picture(3)))
    assert response.status_code == 200
    answer = Answer.from_dict(response.json())
    assert_same(answer, model.ask(picture(3), MUG_AND_SPOON))
    assert set(answer.timing_ms) == {"encode", "generate", "decode", "total"}


def test_ask_in_plain_base64_and_about_a_region(server, model):
    plain = base64.b64encode(png(picture(3))).decode()
    response = server.ask("Describe this region.", plain, region=[2, 3, 20, 30], model="speaking")
    assert_same(Answer.from_dict(response.json()), model.caption(picture(3), box=(2, 3, 20, 30)))


def test_several_questions_about_one_picture(server, model):
    body = {"image": data_url(picture(4)), "questions": [DOG, MUG_AND_SPOON, "How many?"]}
    answers = server.client.post("/v1/ask", json=body).json()["answers"]
    for record, question in zip(answers, body["questions"], strict=True):
        assert_same(Answer.from_dict(record), model.ask(picture(4), question))


def test_an_answer_may_be_cut(server):
    notes = server.ask(MUG_AND_SPOON, max_new_tokens=4).json()["notes"]
    assert "the answer was cut after 4 tokens" in notes


def test_captions_and_expressions(server, model):
    image = data_url(picture(5))
    caption = server.client.post("/v1/caption", json={"image": image})
    assert_same(Answer.from_dict(caption.json()), model.caption(picture(5)))
    region = server.client.post("/v1/caption", json={"image": image, "box": [2, 3, 20, 30]})
    assert_same(Answer.from_dict(region.json()), model.caption(picture(5), box=(2, 3, 20, 30)))
    found = server.client.post("/v1/locate", json={"image": image, "expression": "the red mug"})
    assert_same(Answer.from_dict(found.json()), model.locate(picture(5), "the red mug"))


@pytest.mark.parametrize("mask_format", ["rle", "png"])
def test_segmentations(server, model, mask_format):
    form = {"prompt": MUG_AND_SPOON, "mask_format": mask_format, "model": "speaking"}
    response = server.client.post("/v1/images/segmentations", data=form, files={"image": png(picture(6))})
    assert response.status_code == 200
    body = response.json()
    expected = model.ask(picture(6), MUG_AND_SPOON)
    assert (body["text"], body["model"]) == (expected.text, "speaking")
    for entry, segment in zip(body["data"], expected.segments, strict=True):
        assert (entry["phrase"], entry["rejected"]) == (segment.phrase, segment.rejected)
        if segment.rejected:
            assert entry["mask"] is None
            assert entry.get("b64_png") is None
        elif mask_format == "rle":
            assert entry["mask"] == segment.rle
        else:
            mask = np.asarray(Image.open(io.BytesIO(base64.b64decode(entry["b64_png"]))))
            assert encode_mask(mask) == segment.rle


def test_many_clients_get_their_own_answers(server, model):
    """Eight at once, over three pictures: none is lost, none mixed up."""
    asked = [(row[0], seed) for row in LEARNED if not row[4] for seed in range(3)]
    got = {}

    def client(number):
        for question, seed in asked[number::8]:
            got[question, seed] = server.ask(question, data_url(picture(seed))).json()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == len(asked)
    for (question, seed), record in got.items():
        assert_same(Answer.from_dict(record), model.ask(picture(seed), question))


# -- models, health, documents -------------------------------------------------------


def test_models_are_chosen_by_name(parrots):
    listed = parrots.client.get("/v1/models").json()
    assert [entry["id"] for entry in listed["data"]] == ["first", "second"]
    assert parrots.ask().json()["model"] == "first"
    assert parrots.ask(model="second").json()["model"] == "second"
    assert parrots.client.get("/v1/models/second").json()["id"] == "second"


def test_health_and_metrics(parrots):
    assert parrots.client.get("/healthz").status_code == 200
    assert parrots.client.get("/readyz").json() == {"status": "ready"}
    parrots.ask()
    text = parrots.client.get("/metrics").text
    assert 'segue_requests_total{route="/v1/ask",status="200"}' in text
    for stage in ("read", "decode", "queue", "encode", "generate", "masks"):
        assert f'segue_stage_seconds_count{{stage="{stage}"}}' in text
    wait_for(lambda: "segue_places_taken 0.0" in parrots.client.get("/metrics").text)
    assert "segue_cache_bytes" in text


def test_openapi_names_every_endpoint_and_its_errors(parrots):
    document = parrots.client.get("/openapi.json").json()
    posts = {path for path, methods in document["paths"].items() if "post" in methods}
    assert posts == {
        "/v1/ask",
        "/v1/caption",
        "/v1/locate",
        "/v1/images/segmentations",
        "/v1/chat/completions",
    }
    for path in posts:
        responses = document["paths"][path]["post"]["responses"]
        assert set(responses) == {"200", "4XX", "5XX"}
        assert responses["4XX"]["content"]["application/json"]["schema"]["$ref"].endswith("ErrorBody")


def test_logs_are_json_with_request_ids_and_stages(parrots, caplog):
    from segue.serving.logs import JsonFormatter

    with caplog.at_level("INFO", logger="segue"):
        response = parrots.client.post(
            "/v1/ask",
            json={"image": data_url(), "question": "a secret?"},
            headers={"X-Request-ID": "mine-1"},
        )
        odd = parrots.client.get("/healthz", headers={"X-Request-ID": "no\tid"})
    assert response.headers["X-Request-ID"] == "mine-1"
    assert odd.headers["X-Request-ID"] not in ("", "no\tid")

    def found():
        return [r for r in caplog.records if getattr(r, "fields", {}).get("request_id") == "mine-1"]

    wait_for(found)  # the line is written after the answer
    records = found()
    entry = json.loads(JsonFormatter().format(records[-1]))
    assert set(entry["stages_ms"]) == {"read", "decode", "queue", "encode", "generate", "masks"}
    assert (entry["route"], entry["status"], entry["model"], entry["batch"]) == ("/v1/ask", 200, "first", 1)
    assert "secret" not in json.dumps(entry)


# -- refusals ------------------------------------------------------------------------

IMAGE = data_url()
ASKED = {"image": IMAGE, "question": "what?"}
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "words"),
    [
        ("ask", {}, 400, "invalid_request", "image"),
        ("ask", [], 400, "invalid_request", "one JSON object"),
        ("ask", {"image": IMAGE}, 400, "invalid_request", "either question, or questions"),
        ("ask", ASKED | {"questions": ["b"]}, 400, "invalid_request", "either"),
        ("ask", ASKED | {"question": 5}, 400, "invalid_request", "question"),
        ("ask", ASKED | {"colour": 1}, 400, "invalid_request", "colour"),
        ("ask", ASKED | {"question": ""}, 400, "invalid_question", "empty"),
        ("ask", ASKED | {"question": "<p>"}, 400, "invalid_question", "control token"),
        ("ask", ASKED | {"question": "\ud800"}, 400, None, ""),
        ("ask", ASKED | {"question": "x" * 3000}, 400, "question_too_long", "3,000"),
        ("ask", {"image": IMAGE, "questions": ["a"] * 5}, 400, "too_many_questions", "takes 4"),
        ("ask", {"image": IMAGE, "questions": []}, 400, "invalid_request", "questions"),
        ("ask", ASKED | {"max_new_tokens": 0}, 400, "invalid_request", "max_new_tokens"),
        ("ask", ASKED | {"region": [5, 5, 1, 9]}, 400, "invalid_request", "x0 < x1"),
        ("ask", ASKED | {"region": [8, 0, 9, 9]}, 400, "invalid_question", "outside"),
        ("ask", ASKED | {"region": [0, 0, 1]}, 400, "invalid_request", "region"),
        ("ask", ASKED | {"model": "gpt"}, 404, "model_not_found", "'gpt'"),
        ("locate", {"image": IMAGE, "expression": "?"}, 400, "invalid_question", "expression is empty"),
        ("caption", {"image": IMAGE, "dense": True}, 400, "unsupported_by_model", "PixelLLM"),
        ("caption", {"image": IMAGE, "dense": True, "box": [0, 0, 1, 1]}, 400, "invalid_request", "not both"),
        ("nothing", {}, 404, None, "nothing at this address"),
        ("ask/", {}, 404, None, "nothing at this address"),
        ("models", {}, 405, None, "POST"),
    ],
)
def test_bad_requests_are_told_what_is_wrong(server, path, body, status, code, words):
    response = server.client.post(f"/v1/{path}", content=json.dumps(body), headers=JSON)
    error = response.json()["error"]
    assert response.status_code == status
    assert set(error) == {"message", "type", "param", "code"}
    assert words in error["message"]
    if code is not None:
        assert error["code"] == code
    assert response.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("/etc/passwd", "paths are never opened"),
        ("file:///etc/passwd", "a URL of another kind"),
        ("http://example.org/a.png", "a URL of another kind"),
        ("https://example.org/a.png", "fetches no pictures"),
        ("HTTPS://example.org/a.png", "fetches no pictures"),
        ("data:image/png,abc", "not base64"),
        ("data:image/png;base64,", "empty"),
        ("data:image/png;base64,@@@@", "neither a data URL nor base64"),
        ("aGVsbG8gd29ybGQ=", "not an image"),
        (data_url(b"%PDF-1.7 what"), "a PDF document"),
        (data_url(png(picture())[:-400]), "damaged or cut short"),
        (data_url(png(Image.new("L", (200, 200)))), "over this server's limit of 10,000"),
        (data_url(b"P6 2 2 255 " + bytes(12)), "PPM pictures are not opened here"),
    ],
)
def test_pictures_that_are_not_opened(server, image, words):
    response = server.ask("what?", image)
    assert response.status_code == 400
    assert words in response.json()["error"]["message"]
    assert response.json()["error"]["param"] == "image"


def test_a_bomb_is_refused_by_its_header(server):
    """A few kilobytes that claim 40,000 x 40,000 pixels."""
    good = bytearray(png(Image.new("L", (8, 6))))
    good[16:24] = struct.pack(">II", 40_000, 40_000)
    good[29:33] = struct.pack(">I", zlib.crc32(bytes(good[12:29])))
    response = server.ask("what?", data_url(bytes(good)))
    assert response.json()["error"]["code"] == "image_too_large"


@pytest.mark.parametrize("chunked", [False, True])
def test_large_bodies_are_not_read(server, chunked):
    data = b"x" * 200_000
    content = (data[at : at + 50_000] for at in range(0, len(data), 50_000)) if chunked else data
    response = server.client.post("/v1/ask", content=content)
    assert response.status_code == 413
    assert response.json()["error"]["code"] == "body_too_large"


def test_compressed_bodies_are_not_read(server):
    response = server.client.post("/v1/ask", content=b"x", headers={"Content-Encoding": "gzip"})
    assert response.status_code == 415


def test_a_fault_of_ours_says_nothing_about_the_inside(parrots, caplog):
    response = parrots.ask("break")
    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal_error"
    assert "secret" not in response.text
    assert "secret/path is broken" in caplog.text  # but the log has it
    assert parrots.ask().status_code == 200


# -- who may call --------------------------------------------------------------------


def test_a_token_is_wanted_everywhere_but_for_health():
    with running(Parrot(), token="pass") as server:
        assert server.client.get("/healthz").status_code == 200
        assert server.client.get("/readyz").status_code == 200
        basic = "Basic " + base64.b64encode(b"me:pass").decode()
        for headers, status in (
            ({}, 401),
            ({"Authorization": "Bearer wrong"}, 401),
            ({"Authorization": "Bearer"}, 401),
            ({"Authorization": "Bearer \u00e9".encode("latin-1").decode("latin-1")}, 401),
            ({"Authorization": basic}, 401),  # a browser sends that by itself: not for the API
            ({"Authorization": "Bearer pass"}, 200),
        ):
            encoded = {name: value.encode("latin-1") for name, value in headers.items()}
            response = server.client.get("/v1/models", headers=encoded)
            assert response.status_code == status, headers
        assert response.headers.get("WWW-Authenticate") is None
        refused = server.ask()
        assert refused.status_code == 401
        assert refused.json()["error"]["code"] == "invalid_api_key"
        for path in ("/metrics", "/docs", "/openapi.json"):
            assert server.client.get(path).status_code == 401
            assert server.client.get(path, headers={"Authorization": basic}).status_code == 200


def test_other_pages_may_call_only_where_allowed(parrots):
    asked = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    assert "access-control-allow-origin" not in parrots.client.options("/v1/ask", headers=asked).headers
    with running(Parrot(), origins=("https://example.org",), token="pass") as server:
        allowed = server.client.options("/v1/ask", headers=asked)
        assert allowed.headers["access-control-allow-origin"] == "https://example.org"
        other = server.client.options("/v1/ask", headers=asked | {"Origin": "https://example.com"})
        assert "access-control-allow-origin" not in other.headers
