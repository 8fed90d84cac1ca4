"""Runs with an endpoint of a few lines: both pipelines, the second try, the judge, what a run does when the
endpoint fails, budgets, and what ends up in the data."""

import asyncio
import json
import time

import pytest

from segue.curation import engine
from segue.curation.engine import Gate, Setup, run_tasks
from segue.curation.estimate import estimate, first_requests
from segue.curation.export import export, outcomes, split_of
from segue.curation.journal import Decision, Journal
from segue.curation.plan import LimitPlan, Plan, SplitPlan
from segue.curation.requests import EndpointError, Reply
from segue.curation.session import open_folder, prepare, run
from segue.curation.stats import count
from segue.data.muse_json import entry_of, record_of
from segue.data.native import read_records
from segue.errors import DataError, ImageError, SegueError
from tests.curation.small import coco_set, plan

TWO_FORKS = {
    "kind": "several",
    "question": "Where are both forks?",
    "answer": "The [left fork](2) and the [right fork](3).",
    "targets": [
        {"number": 2, "description": "The fork on the left."},
        {"number": 3, "description": "One {seg}"[:3]},
    ],
}
CUP = {
    "kind": "several",
    "question": "What stands beside the fork on the left?",
    "answer": "The [cup](1) stands beside the [left fork](2).",
    "targets": [{"number": 1, "description": "A cup."}, {"number": 2, "description": "A fork beside a cup."}],
}


class Scripted:
    """Gives the replies in order, whatever it is asked; an exception is raised instead."""

    name = "scripted"

    def __init__(self, *replies):
        self.replies, self.requests = list(replies), []

    async def complete(self, request):
        self.requests.append(request)
        await asyncio.sleep(0)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, Reply):
            return reply
        text = reply if isinstance(reply, str) else json.dumps(reply)
        return Reply(text, "stop", prompt_tokens=1000, completion_tokens=100)


def pairs(*content):
    return {"pairs": list(content)}


@pytest.fixture
def make(tmp_path):
    """`make(endpoint, **plan)`: a session over a set of pictures, and a setup with that endpoint for all
    stages."""

    def build(endpoint, *, num=1, **changes):
        things = [("cup", (80, 40, 20, 20)), ("fork", (10, 30, 10, 40)), ("fork", (150, 30, 10, 40))]
        if not (tmp_path / "set").exists():
            coco_set(tmp_path / "set", {f"{number}.jpg": things for number in range(num)})
        given = {
            "questions": {"per_image": 2, "kinds": {"several": 1}},
            "limits": {"concurrency": 2, "max_wait": 0.01},
            "rules": {"language": None},
            **changes,
        }
        session = prepare(plan(tmp_path / "set" / "annotations.json", **given))
        priced = session.plan.endpoint.model_copy(
            update={
                "price": session.plan.endpoint.price.model_copy(update={"input": 1.0, "output": 10.0}),
                "kind": "openai",
            }
        )
        endpoints = dict.fromkeys(("pairs", "caption", "judge"), (endpoint, priced))
        vocabulary = frozenset(session.pictures.category_ids)
        return session, Setup(session.plan, session.pictures, session.prompts, vocabulary, endpoints)

    return build


def go(session, setup, folder, **decisions):
    """Run, and give how it went, the rows and the export."""
    with Journal(folder, run=True) as journal:
        progress = asyncio.run(run_tasks(session.work.tasks, setup, journal))
        summary = export(session.work.tasks, session.plan, session.pictures, journal, folder)
        return progress, list(journal.all_rows()), summary


def records(folder):
    return [
        r
        for name in ("train", "val", "test_few", "test_many")
        for r in read_records(folder / f"{name}.jsonl")
    ]


def test_a_good_reply_becomes_a_record(make, tmp_path):
    endpoint = Scripted(pairs(TWO_FORKS, CUP))
    session, setup = make(endpoint)
    progress, _rows, summary = go(session, setup, tmp_path / "out")
    assert progress.outcomes == {"ok": 1}
    assert summary["pairs"] == 2
    assert summary["cost"] == pytest.approx((1000 * 1 + 100 * 10) / 1e6)
    (request,) = endpoint.requests
    assert request.picture == tmp_path / "set" / "images" / "0.jpg"
    text = request.messages[1].text
    assert "1. cup at [80, 40, 100, 60]\n2. fork at [10, 30, 20, 70]\n3. fork at [150, 30, 160, 70]" in text
    assert "200 pixels wide and 100 pixels high" in text

    (record,) = records(tmp_path / "out")
    assert session.prompts.digest in record.source
    assert "scripted" in record.source
    first, second = record.dialogue
    assert first.answer == "The left fork and the right fork."
    assert [first.answer[slice(*phrase.span)] for phrase in first.phrases] == ["left fork", "right fork"]
    objects = {entry.id: entry for entry in record.objects}
    # Annotation 2 is the left fork; the second answer describes it in other words, so it has a second object.
    assert first.phrases[0].ids == [2]
    assert objects[2].attributes == {"category_id": "48", "description": "The fork on the left."}
    other = objects[second.phrases[1].ids[0]]
    assert other.id not in (1, 2, 3)
    assert other.bbox == objects[2].bbox
    assert other.attributes["description"] == "A fork beside a cup."


def test_a_bad_reply_is_tried_once_more_with_its_faults(make, tmp_path):
    wrong = {**TWO_FORKS, "answer": TWO_FORKS["answer"].replace("(3)", "(7)")}
    endpoint = Scripted(pairs(wrong), pairs(TWO_FORKS))
    session, setup = make(endpoint)
    progress, rows, summary = go(session, setup, tmp_path / "out")
    assert [row.outcome for row in rows] == ["rejected", "ok"]
    roles = [message.role for message in endpoint.requests[1].messages]
    assert roles == ["system", "user", "assistant", "user"]
    assert "There are no objects [7] in the list." in endpoint.requests[1].messages[-1].text
    assert summary["rejected_by_rule"] == {"instances_exist": 1}
    (refused,) = [json.loads(line) for line in (tmp_path / "out" / "rejected.jsonl").read_text().splitlines()]
    assert refused["question"] == wrong["question"]

    # Never a third time: the next run asks for nothing.
    endpoint = Scripted()
    session, setup = make(endpoint)
    progress, rows, _ = go(session, setup, tmp_path / "out")
    assert progress.resumed == 1
    assert len(rows) == 2


def test_given_up_after_two(make, tmp_path):
    session, setup = make(Scripted("no", "no, really"))
    progress, _rows, summary = go(session, setup, tmp_path / "out")
    assert progress.outcomes == {"unreadable": 1}
    assert summary["pairs"] == 0
    assert records(tmp_path / "out") == []


def test_caption_first(make, tmp_path):
    endpoint = Scripted({"caption": "A laid table."}, pairs(TWO_FORKS))
    session, setup = make(
        endpoint, pipeline="caption", questions={"per_image": 1, "kinds": {"several": 1}, "targets": {2: 1}}
    )
    numbers = session.work.tasks[0].asks[0].numbers
    chosen = {
        **TWO_FORKS,
        "answer": " and ".join(f"the [thing {n}]({n})" for n in numbers),
        "targets": [{"number": n, "description": "A thing."} for n in numbers],
    }
    endpoint.replies[1] = pairs(chosen)
    _progress, rows, _ = go(session, setup, tmp_path / "out")
    assert [(row.stage, row.outcome) for row in rows] == [("caption", "ok"), ("pairs", "ok")]
    caption, text = endpoint.requests
    assert caption.picture is not None
    assert text.picture is None
    assert "Its caption: A laid table." in text.messages[1].text
    assert f"namely {numbers[0]}, {numbers[1]}" in text.messages[1].text


def test_the_datas_own_caption_is_taken(make, tmp_path):
    captions = [{"id": 1, "image_id": 1, "caption": "forks and a cup"}]
    things = [("cup", (80, 40, 20, 20)), ("fork", (10, 30, 10, 40)), ("fork", (150, 30, 10, 40))]
    coco_set(tmp_path / "set", {"0.jpg": things}, captions=captions)
    endpoint = Scripted("{}", "{}")
    session, setup = make(endpoint, pipeline="caption")
    go(session, setup, tmp_path / "out")
    assert "Its caption: Forks and a cup." in endpoint.requests[0].messages[1].text


JUDGE = {"endpoint": {"model": "second"}, "threshold": 0.6}


def test_the_judge_reads_what_passes(make, tmp_path):
    scores = {"scores": [{"pair": 1, "score": 3, "reason": "dull"}, {"pair": 2, "score": 9}]}
    wrong = {**CUP, "kind": "referring"}
    endpoint = Scripted(pairs(wrong, TWO_FORKS, CUP), scores)
    session, setup = make(endpoint, judge=JUDGE)
    _progress, rows, summary = go(session, setup, tmp_path / "out")
    assert [row.stage for row in rows] == ["pairs", "judge"]
    shown = endpoint.requests[1].messages[1].text
    assert "Pair 1 (several)\nQuestion: Where are both forks?" in shown
    assert "Pair 3" not in shown
    # 3 and 9 of 10; the threshold is 0.6.
    assert summary["rejected_by_rule"] == {"kind_was_asked": 1, "judge": 1}
    assert [turn.question for turn in records(tmp_path / "out")[0].dialogue] == [CUP["question"]]


def test_a_judge_that_cannot_be_read_lets_nothing_pass(make, tmp_path):
    half = {"scores": [{"pair": 1, "score": 1.0}]}
    endpoint = Scripted(pairs(TWO_FORKS, CUP), half, "fine!")
    session, setup = make(endpoint, judge=JUDGE)
    _, rows, summary = go(session, setup, tmp_path / "out")
    assert [row.outcome for row in rows] == ["ok", "unreadable", "unreadable"]
    assert "no score for the pairs [2]" in endpoint.requests[2].messages[-1].text
    assert summary["rejected_by_rule"] == {"judge": 2}


def busy(**fields):
    return EndpointError("429", again=True, unpaid=True, **fields)


def test_retries_wait_as_long_as_the_server_asks(make, tmp_path):
    endpoint = Scripted(busy(wait=0.3), EndpointError("gone", again=True, unpaid=False), pairs(TWO_FORKS))
    session, setup = make(endpoint)
    start = time.monotonic()
    progress, _rows, _ = go(session, setup, tmp_path / "out")
    assert progress.outcomes == {"ok": 1}
    assert time.monotonic() - start >= 0.3
    with Journal(tmp_path / "out", run=False) as journal:
        assert journal.totals().unseen == 1  # the lost one may have been paid for; the refused one was not


def test_a_pause_holds_for_everybody():
    async def two():
        gate = Gate(LimitPlan())
        gate.pause(0.2)
        start = time.monotonic()
        await asyncio.gather(gate.wait(), gate.wait())
        return time.monotonic() - start

    assert asyncio.run(two()) >= 0.2


def test_a_rate_for_all_workers():
    async def five():
        gate = Gate(LimitPlan(requests_per_minute=1200))  # 20 a second
        start = time.monotonic()
        await asyncio.gather(*(gate.wait() for _ in range(30)))
        return time.monotonic() - start

    assert asyncio.run(five()) >= 0.4  # 20 at once, and 10 more at 20 a second


def test_a_picture_that_gets_no_reply_is_left_for_the_next_run(make, tmp_path):
    session, setup = make(
        Scripted(*[busy()] * 3, pairs(TWO_FORKS)),
        num=2,
        limits={"tries": 3, "concurrency": 1, "max_wait": 0.01},
    )
    progress, rows, _summary = go(session, setup, tmp_path / "out")
    assert list(progress.failed) == ["images/0.jpg"]
    assert progress.outcomes == {"ok": 1}
    session, setup = make(Scripted(pairs(CUP)), limits={"tries": 3, "concurrency": 1})
    progress, rows, _ = go(session, setup, tmp_path / "out")
    assert progress.failed == {}
    assert [row.image for row in rows] == ["images/1.jpg", "images/0.jpg"]


def test_a_wrong_key_stops_the_run(make, tmp_path):
    wrong = EndpointError("401: wrong key", again=False, unpaid=True, fatal=True)
    session, setup = make(Scripted(wrong, wrong), num=9)
    with (
        Journal(tmp_path / "out", run=True) as journal,
        pytest.raises(SegueError, match=r"refuses every.*wrong key"),
    ):
        asyncio.run(run_tasks(session.work.tasks, setup, journal))


def test_a_picture_that_cannot_be_opened_is_left_out(make, tmp_path):
    session, setup = make(
        Scripted(ImageError("0.jpg: truncated"), pairs(TWO_FORKS)), num=2, limits={"concurrency": 1}
    )
    progress, _, summary = go(session, setup, tmp_path / "out")
    assert progress.failed == {"images/0.jpg": "0.jpg: truncated"}
    assert summary["unseen_replies"] == 0


def test_tokens_have_a_budget_too(make, tmp_path):
    limits = {"concurrency": 1, "tokens": 9000}
    session, setup = make(Scripted(*[pairs(TWO_FORKS)] * 9), num=9, limits=limits)
    progress, rows, _ = go(session, setup, tmp_path / "out")
    assert progress.stopped == "budget"
    used = sum(row.tokens.input + row.tokens.output for row in rows)
    assert 0 < used <= 9000


def test_what_a_person_says_is_honoured(make, tmp_path):
    wrong_kind = {**CUP, "kind": "referring"}  # a rule of quality: a person may accept it
    broken = {**TWO_FORKS, "answer": "The [fork](9) and the [fork](3)."}  # nobody can
    session, setup = make(Scripted(pairs(TWO_FORKS, wrong_kind, broken)))
    folder = tmp_path / "out"
    go(session, setup, folder)
    with Journal(folder, run=False) as journal:
        (found,) = outcomes(session.work.tasks, session.plan, session.pictures, journal)
        assert [pair.rule for pair in found.pairs] == ["", "kind_was_asked", "instances_exist"]
        edited = {**TWO_FORKS, "question": "Where do the two forks lie?"}
        journal.decide(Decision(found.pairs[0].id, "edit", edited))
        journal.decide(Decision(found.pairs[1].id, "accept"))
        journal.decide(Decision(found.pairs[2].id, "accept"))
        summary = export(session.work.tasks, session.plan, session.pictures, journal, folder)
        assert [turn.question for turn in records(folder)[0].dialogue] == [
            edited["question"],
            CUP["question"],
        ]
        assert summary["rejected_by_rule"] == {"instances_exist": 1}
        journal.decide(Decision(found.pairs[0].id, "reject", note="dull"))
        summary = export(session.work.tasks, session.plan, session.pictures, journal, folder)
        assert summary["rejected_by_rule"] == {"person": 1, "instances_exist": 1}


def test_the_same_question_about_too_many_pictures(make, tmp_path):
    other = {**TWO_FORKS, "question": "Where are  both forks"}  # the same but for a space and a mark
    replies = [pairs(TWO_FORKS), pairs(other), pairs(TWO_FORKS), pairs(CUP)]
    session, setup = make(
        Scripted(*replies), num=4, rules={"repeats": 2, "language": None}, limits={"concurrency": 1}
    )
    _, _, summary = go(session, setup, tmp_path / "out")
    assert summary["rejected_by_rule"] == {"repeated": 1}
    assert summary["pairs"] == 3


def test_splits_are_by_picture():
    shares = SplitPlan(test=0.2, val=0.1)
    sides = [split_of(f"images/{number}.jpg", shares) for number in range(3000)]
    assert sides.count("test") / 3000 == pytest.approx(0.2, abs=0.03)
    assert sides.count("val") / 3000 == pytest.approx(0.1, abs=0.03)
    assert split_of("elsewhere/7.jpg", shares) == sides[7]


def offline(tmp_path, **changes):
    boxes = {}
    for number in range(12):
        x = 5 * number
        boxes[f"{number}.jpg"] = [
            *[
                ("cup", (x % 60, 10 + number, 20, 20)),
                ("fork", (70, 30 + number, 20, 40)),
                ("fork", (130, 30, 20, 40)),
            ],
            *[("knife", (165, 20 + number, 20, 60)), ("dog", (100, 60, 25, 35)), ("cat", (30, 60, 25, 30))],
        ]
    path = coco_set(tmp_path / "set", boxes)
    fields = {
        "questions": {"per_image": 5},
        "split": {"test": 0.3, "val": 0.2},
        "rules": {"repeats": None},
        **changes,
    }
    return prepare(plan(path, **fields))


@pytest.mark.parametrize("pipeline", ["vision", "caption"])
def test_offline_from_end_to_end(tmp_path, pipeline):
    session = offline(tmp_path, pipeline=pipeline)
    progress, summary = run(session, tmp_path / "out")
    assert progress.failed == {}
    # What the generator writes keeps to the rules.
    assert set(summary["rejected_by_rule"]) <= {"duplicate"}
    assert summary["pairs"] > 20
    assert summary["cost"] == 0
    if pipeline == "vision":
        assert set(summary["by_kind"]) == {"reasoning", "several", "referring", "absent", "explanation"}
    found = records(tmp_path / "out")
    for record in found:
        for turn in record.dialogue:
            if turn.type in ("reasoning", "several", "explanation"):
                assert sum(len(phrase.ids) for phrase in turn.phrases) >= 2
            assert all(bool(phrase.ids) == (turn.type != "absent") for phrase in turn.phrases)
    assert count(found).pairs == summary["pairs"]

    # The folder alone is enough to go on with, and gives the same data.
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.jsonl")}
    again = open_folder(tmp_path / "out")
    progress, _ = run(again, tmp_path / "out")
    assert progress.resumed == progress.done == len(again.work.tasks)
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.jsonl")}


def test_another_plan_is_refused(tmp_path):
    session = offline(tmp_path)
    run(session, tmp_path / "out")
    changed = prepare(session.plan.model_copy(update={"seed": 5}))
    with pytest.raises(DataError, match="seed has changed"):
        run(changed, tmp_path / "out")
    # Rules and limits may change: what there is, is judged anew.
    rules = session.plan.rules.model_copy(update={"max_question_words": 7})
    stricter = prepare(session.plan.model_copy(update={"rules": rules}))
    _, summary = run(stricter, tmp_path / "out")
    assert summary["rejected_by_rule"]["lengths_fit"] > 0


def test_muse_json_round_trips(tmp_path):
    """What is exported as MUSE's JSON is read back as the native records are, but for what MUSE cannot
    say."""
    run(offline(tmp_path), tmp_path / "out")
    names = {"train": "train", "val": "val", "test_few": "test_less", "test_many": "test_many"}
    seen = 0
    for split, name in names.items():
        entries = json.loads((tmp_path / "out" / "muse" / f"muse_{name}.json").read_text())
        native = [
            record.model_copy(update={"dialogue": turns})
            for record in read_records(tmp_path / "out" / f"{split}.jsonl")
            if (turns := [turn for turn in record.dialogue if turn.type != "absent"])
        ]
        assert len(entries) == len(native)
        for entry, record in zip(entries, native, strict=True):
            back = record_of(entry, image=record.image).record
            assert said(back) == said(record)
            seen += len(back.dialogue)
            assert record_of(entry_of(back), image=record.image).record == back
    assert seen > 20


def said(record):
    objects = {entry.id: entry for entry in record.objects}
    return [
        (
            turn.question,
            turn.answer,
            [
                (
                    phrase.span,
                    [
                        (objects[i].bbox, objects[i].category, objects[i].attributes["description"])
                        for i in phrase.ids
                    ],
                )
                for phrase in turn.phrases
            ],
        )
        for turn in record.dialogue
    ]


def test_the_estimate_counts_prompts_and_pictures(make):
    session, _ = make(Scripted(), num=3)
    priced = {"kind": "openai", "model": "m", "tokens_per_image": 500, "price": {"input": 2, "output": 8}}
    session = prepare(Plan.model_validate({**session.plan.model_dump(), "endpoint": priced}))
    (request,) = first_requests(session.work.tasks[0], session.plan, session.pictures, session.prompts)
    guess = estimate(session.work.tasks, session.plan, session.pictures, session.prompts)
    assert guess.replies == 3
    characters = sum(len(message.text) for message in request.messages)
    assert guess.tokens.input == pytest.approx(3 * (500 + characters / 4), rel=0.02)
    assert guess.tokens.output == 3 * 2 * 120
    assert guess.cost == pytest.approx((guess.tokens.input * 2 + guess.tokens.output * 8) / 1e6)


def test_progress_says_rate_and_end():
    progress = engine.Progress(total=110)
    for _ in range(10):
        progress.add("ok", replies=0, cost=0.0)  # had before
    for _ in range(20):
        progress.add("ok", replies=1, cost=0.01)
    remark = progress.remark(60.0, now=0.0)
    assert remark.startswith("20.0 a minute, cost 0.2, ends ")
    # 80 are left, four minutes' work
    assert remark.endswith(time.strftime("%a %H:%M", time.localtime(240.0)))
