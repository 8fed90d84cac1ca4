"""Judges: their scores, and that one behind an endpoint is asked at once, again, and never twice."""

from __future__ import annotations

import json
import sqlite3

import pytest

from segue.errors import DataError
from segue.evaluation.judge import (
    EndpointJudge,
    Judged,
    JudgeError,
    Judgement,
    JudgeTask,
    NoJudge,
    SimilarityJudge,
    open_judge,
    parse_scores,
)
from segue.evaluation.judge_cache import ReplyCache
from tests.evaluation.endpoint import ChatEndpoint

MUG = Judged("the red mug", "mug", "a red mug beside the plate")
STRAY = Judged("the fork")


def task(*predictions: Judged, question: str = "What holds tea?") -> JudgeTask:
    return JudgeTask(question, "mug at [0, 0, 5, 5]", "The red mug (a red mug [0, 0, 5, 5]).", predictions)


@pytest.mark.parametrize(
    ("reply", "num", "scores"),
    [
        ("[1, 0.5]", 2, (1, 0.5)),
        # words around it, and the last list counts
        ("The scores of [1, 2] are:\n```json\n[0.9, 0]\n```", 2, (0.9, 0)),
        # the scale of the first version of the paper: any above 1 means 1..10
        ("[10, 1, 7]", 3, (1, 0.1, 0.7)),
        # as many as there are predictions
        ("[1]", 2, None),
        ("[1, 1, 1]", 2, None),
        # numbers only, and none outside of both scales
        ('["1", 1]', 2, None),
        ("[true, 1]", 2, None),
        ("[-1, 1]", 2, None),
        ("[11, 1]", 2, None),
        ("[NaN, 1]", 2, None),
        ("I cannot grade this.", 1, None),
        ("", 1, None),
    ],
)
def test_parse_scores(reply, num, scores):
    assert parse_scores(reply, num) == (None if scores is None else pytest.approx(scores))


@pytest.mark.parametrize(
    ("judged", "right"),
    [
        (MUG, True),
        (Judged("two mugs", "mug"), True),  # plural
        (Judged("my car", "car_(automobile)"), True),  # LVIS's brackets
        (Judged("man wearing a hat", "person", "the man who wears a hat"), True),
        (Judged("the fork", "mug", "a red mug"), False),
        (Judged("the red fork", "mug", "a red mug"), False),  # a colour in common is not enough
        (Judged("a wine bottle", "wine_glass", "a tall wine glass"), False),
        (Judged("It", "mug", "a red mug"), False),  # says nothing
        (Judged("", "mug", ""), False),
        (STRAY, False),  # matched with nothing
    ],
)
def test_similarity(judged, right):
    [judgement] = SimilarityJudge().judge([task(judged)])
    assert (judgement.scores[0] > 0.5) == right
    assert 0 <= judgement.scores[0] <= 1


def test_no_judge_passes_what_is_matched():
    assert NoJudge().judge([task(MUG, STRAY), task()]) == [Judgement((1.0, 0.0)), Judgement(())]


def test_endpoint_is_asked_once_and_named(tmp_path):
    with ChatEndpoint(lambda body: "[0.8, 0.9]") as endpoint:
        judge = EndpointJudge(endpoint.url, "gpt-3.5-turbo", cache=tmp_path / "replies.sqlite")
        expected = [Judgement((0.8, 0.0), version="gpt-3.5-turbo-0125")]  # a stray one scores nothing
        assert judge.judge([task(MUG, STRAY)]) == expected
        assert judge.judge([task(MUG, STRAY)]) == expected
        assert len(endpoint.requests) == 1
        again = EndpointJudge(endpoint.url, "gpt-3.5-turbo", cache=tmp_path / "replies.sqlite")
        assert again.judge([task(MUG, STRAY)]) == expected
        assert len(endpoint.requests) == 1
        # another question, another model, no memory: asked
        again.judge([task(MUG, STRAY, question="What else?")])
        other = EndpointJudge(endpoint.url, "gpt-4", cache=tmp_path / "replies.sqlite")
        other.judge([task(MUG, STRAY)])
        EndpointJudge(endpoint.url, "gpt-3.5-turbo").judge([task(MUG, STRAY)])
        assert len(endpoint.requests) == 4
    assert judge.settings["model"] == "gpt-3.5-turbo"
    assert judge.settings["url"] == endpoint.url
    messages = endpoint.requests[0]["messages"]
    assert [message["role"] for message in messages] == ["system", "user"]
    for words in ("What holds tea?", "mug at [0, 0, 5, 5]", "(a red mug [0, 0, 5, 5])", "grade: 2"):
        assert words in messages[1]["content"]
    assert endpoint.requests[0]["temperature"] == 0


def test_endpoint_is_asked_about_many_at_once():
    def echo(body):
        number = int(body["messages"][1]["content"].split("number ")[1].split("\n")[0])
        return json.dumps([number / 16])

    tasks = [task(MUG, question=f"number {number}") for number in range(16)]
    with ChatEndpoint(echo, seconds=0.05) as endpoint:
        judgements = EndpointJudge(endpoint.url, "m", workers=8).judge(tasks)
    assert [judgement.scores[0] for judgement in judgements] == [number / 16 for number in range(16)]
    assert 2 <= endpoint.most_at_once <= 8


def test_a_refused_call_is_tried_again(tmp_path):
    replies = iter([429, 500, "[1]"])
    with ChatEndpoint(lambda body: next(replies)) as endpoint:
        judge = EndpointJudge(endpoint.url, "m", cache=tmp_path / "replies.sqlite")
        assert judge.judge([task(MUG)]) == [Judgement((1.0,), version="m-0125")]
    assert len(endpoint.requests) == 3


def test_an_endpoint_that_fails_for_good_ends_the_run(tmp_path):
    replies = iter(["[1]", 401])
    with ChatEndpoint(lambda body: next(replies)) as endpoint:
        judge = EndpointJudge(endpoint.url, "m", cache=tmp_path / "replies.sqlite", workers=1)
        with pytest.raises(JudgeError, match=r"m at http://127.*not now"):
            judge.judge([task(MUG), task(MUG, question="More?")])
        assert judge.judge([task(MUG)]) == [
            Judgement((1.0,), version="m-0125")
        ]  # what it said before is kept
    with pytest.raises(JudgeError, match="failed"):
        EndpointJudge(endpoint.url, "m", retries=0).judge([task(MUG)])  # nobody listens any more


def test_an_unreadable_reply_scores_nothing_and_is_not_kept(tmp_path):
    replies = iter(["No.", "[1]"])
    with ChatEndpoint(lambda body: next(replies)) as endpoint:
        judge = EndpointJudge(endpoint.url, "m", cache=tmp_path / "replies.sqlite")
        [judgement] = judge.judge([task(MUG)])
        assert (judgement.scores, judgement.version) == ((0.0,), "m-0125")
        assert "No." in judgement.problem
        assert judge.judge([task(MUG)]) == [Judgement((1.0,), version="m-0125")]


def test_nothing_to_grade_costs_no_call():
    with ChatEndpoint(lambda body: 500) as endpoint:
        judge = EndpointJudge(endpoint.url, "m")
        assert judge.judge([task(STRAY), task()]) == [Judgement((0.0,)), Judgement(())]
    assert endpoint.requests == []


def test_passwords_in_addresses_are_not_shown():
    judge = EndpointJudge("http://me:secret@localhost:9/v1", "m", key="sk-secret")
    assert "secret" not in json.dumps(judge.settings)
    with pytest.raises(JudgeError) as caught:
        EndpointJudge("http://me:secret@127.0.0.1:9/v1", "m", retries=0).judge([task(MUG)])
    assert "secret" not in str(caught.value)


def test_options(tmp_path):
    assert isinstance(open_judge({}), SimilarityJudge)
    assert open_judge({"judge": "none"}) == NoJudge()
    cache = tmp_path / "deep" / "replies.sqlite"
    options = {"judge": "http://localhost:1/v1", "judge_model": "m", "judge_cache": str(cache)}
    judge = open_judge(options)
    assert isinstance(judge, EndpointJudge)
    assert cache.exists()
    for wrong, words in (
        ({"judge": "gpt"}, "similarity, none, or an address"),
        ({"judge": "http://localhost:1/v1"}, "no model name"),
        ({"judge": "ftp://host", "judge_model": "m"}, "not the address"),
        ({**options, "judge_workers": "0"}, "1 or more"),
    ):
        with pytest.raises(JudgeError, match=words):
            open_judge(wrong)


def test_a_file_that_is_no_cache_is_refused(tmp_path):
    path = tmp_path / "replies.sqlite"
    path.write_text("not a database, but long enough to be taken for one" * 20)
    with pytest.raises(DataError, match="cannot be used as a cache"):
        ReplyCache(path)


def test_cache_of_two_processes(tmp_path):
    first, second = ReplyCache(tmp_path / "c"), ReplyCache(tmp_path / "c")
    first.put("a", "v", "reply")
    assert second.get("a") == ("v", "reply")
    assert second.get("b") is None
    assert len(second) == 1
    first.close()
    with pytest.raises(sqlite3.ProgrammingError):
        first.get("a")


def test_keys_depend_on_content_alone():
    assert ReplyCache.key({"a": 1, "b": "ü"}) == ReplyCache.key({"b": "ü", "a": 1})
    assert ReplyCache.key({"a": 1}) != ReplyCache.key({"a": 2})
