"""The review page: what it shows, what a decision does, and who may ask."""

import io

import pytest
from PIL import Image

from segue.curation.journal import Journal
from segue.curation.session import open_folder, prepare, run
from tests.curation.small import coco_set, plan


@pytest.fixture
def folder(tmp_path):
    things = [("cup", (20, 30, 40, 40)), ("fork", (80, 20, 20, 60)), ("fork", (140, 20, 20, 60))]
    path = coco_set(tmp_path / "set", {f"{number}.jpg": things for number in range(3)})
    rules = {"max_question_words": 9}  # so that there are rejected ones too
    session = prepare(
        plan(path, rules=rules, questions={"per_image": 5, "kinds": {"several": 1, "referring": 1}})
    )
    run(session, tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def client(folder):
    from fastapi.testclient import TestClient

    from segue.curation.review import Review, make_app

    return TestClient(make_app(Review(open_folder(folder), folder)), base_url="http://127.0.0.1")


def pairs(client, state):
    return client.get(f"/api/pairs?state={state}&limit=100").json()


def test_the_page_and_its_pairs(client):
    assert "segue curate review" in client.get("/").text
    every, accepted, rejected = (pairs(client, state) for state in ("all", "accepted", "rejected"))
    assert every["total"] == accepted["total"] + rejected["total"]
    assert accepted["total"]
    assert rejected["total"]
    assert {entry["rule"] for entry in rejected["pairs"]} <= {"lengths_fit", "duplicate"}
    entry = accepted["pairs"][0]
    assert entry["instances"][0] == {"number": 1, "category": "cup", "box": [20, 30, 60, 70]}
    assert client.get("/api/pairs?state=all&offset=1&limit=1").json()["pairs"] == [every["pairs"][1]]


def test_pictures_have_the_masks_drawn(client):
    for entry in pairs(client, "all")["pairs"][:2]:
        reply = client.get(f"/api/pairs/{entry['id']}/picture.png")
        image = Image.open(io.BytesIO(reply.content)).convert("RGB")
        colors = {color for _, color in image.crop((0, 0, image.width, image.width // 2)).getcolors(1 << 24)}
        assert len(colors) > 10  # the picture itself has one


def test_decisions(client, folder):
    first, second, third = pairs(client, "open")["pairs"][:3]
    rejected = client.post(f"/api/pairs/{first['id']}", json={"decision": "reject", "note": "dull"}).json()
    assert (rejected["accepted"], rejected["rule"], rejected["reason"]) == (False, "person", "dull")
    edit = {**second["pair"], "question": "Where are the two forks then?"}
    edited = client.post(f"/api/pairs/{second['id']}", json={"decision": "edit", "pair": edit}).json()
    assert edited["accepted"]
    # Accepted later, it keeps the edit.
    kept = client.post(f"/api/pairs/{second['id']}", json={"decision": "accept"}).json()
    assert kept["pair"]["question"] == edit["question"]
    assert pairs(client, "decided")["total"] == 2
    assert third["id"] in {entry["id"] for entry in pairs(client, "open")["pairs"]}
    # A pair that a rule of quality refused, taken all the same.
    long = next(entry for entry in pairs(client, "rejected")["pairs"] if entry["rule"] == "lengths_fit")
    assert client.post(f"/api/pairs/{long['id']}", json={"decision": "accept"}).json()["accepted"]
    with Journal(folder, run=False) as journal:
        found = journal.decisions()
    assert {found[entry["id"]].decision for entry in (first, second, long)} == {"reject", "accept"}


BAD = [
    # an edit without a pair
    ({"decision": "edit"}, "needs the edited pair"),
    # an edit that cannot become a record
    (
        {"decision": "edit", "pair": {"kind": "several", "question": "Where?", "answer": "Here."}},
        "marks nothing",
    ),
    # an object that is not there
    (
        {
            "decision": "edit",
            "pair": {
                "kind": "several",
                "question": "Where is it?",
                "answer": "The [cup](8).",
                "targets": [{"number": 8, "description": "x"}],
            },
        },
        "no objects [8]",
    ),
]


@pytest.mark.parametrize(("verdict", "reason"), BAD)
def test_bad_decisions(client, verdict, reason):
    entry = pairs(client, "open")["pairs"][0]
    reply = client.post(f"/api/pairs/{entry['id']}", json=verdict)
    assert reply.status_code == 422
    assert reason in reply.json()["detail"]
    assert pairs(client, "decided")["total"] == 0


def test_who_may_ask(client):
    assert client.get("/api/pairs", headers={"Host": "elsewhere.example"}).status_code == 400
    assert client.get("/api/pairs?state=nonsense").status_code == 422
    assert client.get("/api/pairs/unknown/picture.png").status_code == 404
    assert client.post("/api/pairs/unknown", json={"decision": "accept"}).status_code == 404
