"""The client of annotation tools against the real server, and against ones that are busy or not there."""

import httpx
import pytest

from segue.errors import SegueError
from segue.integrations.server import Server
from tests.integrations.asked import HalfCats, png
from tests.serving.running import Parrot, running


def test_phrases_are_located_by_the_server_that_users_run(monkeypatch):
    monkeypatch.setenv("SEGUE_TOKEN", "secret")
    with running(Parrot(), token="secret") as served:
        answers = Server(served.url).locate(png(), ["cat", "dog"])
    assert [answer.text for answer in answers] == [
        f"'Where is {phrase}?' of (40, 30) (128, 128, 128)" for phrase in ("cat", "dog")
    ]


def test_a_busy_server_is_asked_again_and_others_explain_themselves(monkeypatch):
    monkeypatch.setattr("segue.integrations.server.time.sleep", lambda seconds: waited.append(seconds))
    waited, replies = [], [429, 503, 200]

    def reply(request):
        status = replies.pop(0)
        headers = {"Retry-After": "3"} if status == 429 else {}
        content = HalfCats.answer("cat", 40, 30).to_dict() if status == 200 else {}
        return httpx.Response(status, headers=headers, json=content)

    server = Server(transport=httpx.MockTransport(reply))
    assert server.locate(b"", ["cat"])[0].segments[0].score == 0.75
    assert waited == [3.0, 1.0]

    refused = {"error": {"message": "the image is no picture"}}
    server = Server(transport=httpx.MockTransport(lambda request: httpx.Response(400, json=refused)))
    with pytest.raises(SegueError, match="refuses 'cat': the image is no picture"):
        server.locate(b"", ["cat"])


def test_a_server_that_is_not_there():
    with pytest.raises(SegueError, match="is `segue serve` running there"):
        Server("http://127.0.0.1:9").locate(b"", ["cat"])
