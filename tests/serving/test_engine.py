"""Batches, kept features, and questions that are given up."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from segue.errors import CapabilityError, QuestionError, SegueError
from segue.modeling.generation import Prefix
from segue.pixelllm_predictor import PixelLLMPredictor
from segue.predictor import Predictor
from segue.serving.cache import FeatureCache, cut_loose, num_bytes
from segue.serving.engine import Engine
from segue.serving.errors import ApiError
from segue.serving.settings import Settings
from segue.serving.work import DroppedError, Work
from tests.modeling.speaking import LEARNED, assert_same, picture, speaking_predictor
from tests.modeling.tiny import tiny_model
from tests.modeling.tiny_pixelllm import tiny_pixelllm, tiny_text
from tests.serving.running import Parrot, wait_for


@pytest.fixture
def make_engine():
    engines = []

    def make(*predictors, **changes):
        engines.append(Engine(predictors, Settings(**changes)))
        return engines[-1]

    yield make
    for engine in engines:
        engine.close()


def submit(engine, *works, place=None, seconds=20.0, model=None, on_ids=None):
    place = place or engine.enter()
    deadline = time.monotonic() + seconds
    return engine.submit(works, place=place, deadline=deadline, model=model, on_ids=on_ids)


def question(engine, text, *, seed=0, model=None, **fields):
    return Work("ask", engine.open(picture(seed), model=model), text, **fields)


# -- the same answers as alone -------------------------------------------------------


def test_many_at_once_are_answered_as_alone(make_engine):
    model = speaking_predictor()
    engine = make_engine(model, batch_delay=0.2)
    asked = [(row[0], seed) for seed in range(3) for row in LEARNED if not row[4]]
    with engine.enter(), engine.enter() as place:  # one more is on the way: batches fill up
        jobs = submit(engine, *(question(engine, text, seed=seed) for text, seed in asked), place=place)
        outcomes = [job.future.result(30) for job in jobs]
    for (text, seed), outcome in zip(asked, outcomes, strict=True):
        assert_same(outcome.answer, model.ask(picture(seed), text))
    assert max(outcome.batch for outcome in outcomes) == 16
    again = engine.ask(question(engine, asked[0][0]))
    assert again.cached
    assert again.timing_ms["encode"] == 0
    assert_same(again.answer, outcomes[0].answer)


def test_captions_regions_and_expressions_share_batches(make_engine):
    model = speaking_predictor()
    engine = make_engine(model)
    seen = engine.open(picture(2))
    works = [
        Work("caption", seen),
        Work("caption", seen, region=(2, 3, 20, 30)),
        Work("locate", seen, "the red mug"),
        Work("ask", seen, "Where is the dog?", max_new_tokens=3),
    ]
    caption, region, found, cut = [job.future.result(20) for job in submit(engine, *works)]
    assert_same(caption.answer, model.caption(picture(2)))
    assert_same(region.answer, model.caption(picture(2), box=(2, 3, 20, 30)))
    assert_same(found.answer, model.locate(picture(2), "the red mug"))
    assert_same(cut.answer, model.ask(picture(2), "Where is the dog?", max_new_tokens=3))
    assert not cut.finished
    assert (found.finished, found.batch) == (True, 4)


def test_a_pixelllm_is_served_too(make_engine):
    network = tiny_pixelllm()
    model = PixelLLMPredictor(network, tiny_text(network.config), name="tiny")
    engine = make_engine(model)
    seen = engine.open(picture(1))
    for work, expected in (
        (Work("caption", seen), [model.caption(picture(1))]),
        (Work("caption", seen, region=(0, 0, 20, 20)), [model.caption(picture(1), box=(0, 0, 20, 20))]),
        (Work("ask", seen, "where is the dog"), [model.ask(picture(1), "where is the dog")]),
        (Work("locate", seen, "the dog"), [model.locate(picture(1), "the dog")]),
        (Work("dense", seen), model.caption_dense(picture(1))),
    ):
        outcome = engine.ask(work)
        assert len(outcome.answers) == len(expected)
        for mine, other in zip(outcome.answers, expected, strict=True):
            assert mine == other
    (gone,) = submit(engine, Work("caption", engine.open(picture(5))))
    gone.cancel()
    with pytest.raises(DroppedError):
        gone.future.result(10)


# -- batches -------------------------------------------------------------------------


def test_alone_a_question_does_not_wait_for_others(make_engine):
    engine = make_engine(Parrot(), batch_delay=30)
    assert engine.ask(question(engine, "what?")).batch == 1


def test_a_batch_waits_for_what_is_on_the_way(make_engine):
    model = Parrot()
    engine = make_engine(model, batch_delay=30, max_batch=3)
    places = [engine.enter() for _ in range(4)]
    jobs = []
    for number, place in enumerate(places[:3]):
        assert not any(job.future.done() for job in jobs)
        jobs += submit(engine, question(engine, "what?", seed=number), place=place)
    assert [job.future.result(10).batch for job in jobs] == [3, 3, 3]  # full: the fourth is not waited for
    (last,) = submit(engine, question(engine, "what?"), place=places[3])
    assert last.future.result(10).batch == 1
    assert sum(model.encoded) == 3  # the last picture was kept


def test_models_do_not_share_batches_and_each_answers_its_own(make_engine):
    engine = make_engine(Parrot("first"), Parrot("second"))
    jobs = [
        submit(engine, question(engine, "what?", seed=n, model=name), model=name)[0]
        for n, name in enumerate(["first", "second"] * 4)
    ]
    answers = [job.future.result(10).answer for job in jobs]
    assert [answer.model for answer in answers] == ["first", "second"] * 4


def test_a_question_that_breaks_harms_no_other(make_engine):
    engine = make_engine(Parrot(), batch_delay=5)
    with engine.enter() as place:
        jobs = submit(engine, *(question(engine, text) for text in ("one", "break", "two")), place=place)
        assert jobs[0].future.result(10).answer.text.startswith("'one'")
        assert jobs[2].future.result(10).answer.text.startswith("'two'")
        with pytest.raises(RuntimeError, match="broken"):
            jobs[1].future.result(10)
    assert engine.ready
    assert engine.ask(question(engine, "three")).answer.text.startswith("'three'")


def test_what_cannot_be_asked_is_refused_before_it_runs(make_engine):
    model = Parrot()
    engine = make_engine(model)
    seen = engine.open(picture())
    for work, error in (
        (Work("ask", seen, " "), QuestionError),
        (Work("locate", seen, "?"), QuestionError),
        (Work("dense", seen), CapabilityError),
        (Work("ask", seen, "what?", region=(48, 0, 60, 5)), QuestionError),  # beside a picture of 48 x 40
    ):
        with pytest.raises(error):
            engine.ask(work)
    with pytest.raises(ApiError, match="no model 'other'"):
        engine.ask(Work("ask", seen, "what?"), model="other")
    assert model.batches == []
    assert engine.num_places == 0


def test_models_need_names_of_their_own():
    with pytest.raises(SegueError, match="two models are called parrot"):
        Engine([Parrot(), Parrot()])
    with pytest.raises(SegueError, match="no model"):
        Engine([])


# -- giving up -----------------------------------------------------------------------


def test_a_cancelled_question_leaves_generation_within_one_step(make_engine):
    """The real loop: random weights babble to their limit unless they are stopped."""
    network, processor = tiny_model(seed=1)
    babbling = Predictor(network, processor, name="babbling")
    engine = make_engine(babbling)
    steps: list[int] = []
    jobs: list = []

    def on_ids(ids):
        steps.append(len(ids))
        if len(steps) == 4:
            jobs[0].cancel()

    seen = engine.open(picture(3))
    alone = engine.ask(Work("ask", seen, "where is the dog?", max_new_tokens=100))
    assert alone.answer_tokens > 20
    place = engine.enter()
    ready = threading.Event()
    jobs += submit(
        engine,
        Work("ask", seen, "where is the dog?", max_new_tokens=100),
        place=place,
        on_ids=lambda ids: (ready.wait(5), on_ids(ids)),
    )
    ready.set()
    with pytest.raises(DroppedError):
        jobs[0].future.result(10)
    assert len(steps) == 4


def test_a_place_that_is_given_back_gives_its_questions_up(make_engine):
    model = Parrot(step_seconds=0.05)
    engine = make_engine(model, max_batch=1)
    with engine.enter() as place:
        running, waiting = submit(
            engine, question(engine, "say 100"), question(engine, "say 99"), place=place
        )
        wait_for(lambda: len(model.steps) >= 2)
    before = len(model.steps)
    for job in (running, waiting):
        with pytest.raises(DroppedError):
            job.future.result(5)
    assert len(model.steps) <= before + 1
    assert "say 99" not in model.steps


def test_late_questions_are_dropped_while_they_run_and_while_they_wait(make_engine):
    model = Parrot(step_seconds=0.02)
    engine = make_engine(model, max_batch=1, deadline=0.1)
    started = time.monotonic()
    with pytest.raises(ApiError) as caught:
        engine.ask(question(engine, "say 400"))
    assert caught.value.status == 504
    assert time.monotonic() - started < 2
    with engine.enter() as place:
        jobs = submit(engine, *[question(engine, "say 400")] * 2, place=place, seconds=0.1)
        for job in jobs:
            with pytest.raises(DroppedError):
                job.future.result(5)
    assert len(model.steps) < 40


def test_closing_answers_what_waits_and_takes_no_more(make_engine):
    engine = make_engine(Parrot(), max_batch=1)
    with engine.enter() as place:
        jobs = submit(engine, *[question(engine, "say 3")] * 3, place=place)
        engine.close()
        assert [job.future.result(0).answer.text for job in jobs] == ["word0 word1 word2"] * 3
    assert not engine.ready
    with pytest.raises(ApiError) as caught:
        engine.enter()
    assert caught.value.status == 503


# -- places --------------------------------------------------------------------------


def test_places_are_bounded_and_come_back(make_engine):
    engine = make_engine(Parrot(), places=2)
    first, second = engine.enter(), engine.enter()
    with pytest.raises(ApiError) as caught:
        engine.enter()
    assert caught.value.status == 429
    assert 1 <= int(caught.value.headers["Retry-After"]) <= 60
    first.release()
    first.release()
    assert engine.num_places == 1
    engine.enter()
    second.release()


# -- kept features -------------------------------------------------------------------


def test_features_are_kept_within_the_budget_the_least_used_go_first():
    cache = FeatureCache(4096)
    values = {name: torch.zeros(256) for name in "abcde"}  # a kilobyte each
    for name in "abcd":
        cache.put(name, values[name])
    assert cache.get("a") is values["a"]
    cache.put("e", values["e"])
    assert cache.get("b") is None
    assert cache.get("a") is values["a"]
    assert (len(cache), cache.bytes, cache.hits, cache.misses) == (4, 4096, 2, 1)
    cache.put("huge", torch.zeros(2000))
    assert cache.get("huge") is None
    assert len(cache) == 4
    cache.put("a", torch.zeros(512))  # another value for a key counts once
    assert cache.bytes == 4096
    assert FeatureCache(0).put("a", values["a"]) is None


def test_no_budget_keeps_nothing(make_engine):
    model = Parrot()
    engine = make_engine(model, cache_bytes=0)
    outcomes = [engine.ask(question(engine, "what?")) for _ in range(2)]
    assert model.encoded == [1, 1]
    assert not outcomes[1].cached
    assert len(engine.cache) == 0


def test_a_picture_is_kept_by_its_content_and_for_each_model(make_engine):
    models = Parrot("first"), Parrot("second")
    engine = make_engine(*models)
    for model in models:
        for _ in range(2):
            engine.ask(question(engine, "what?", model=model.name), model=model.name)
    assert [sum(model.encoded) for model in models] == [1, 1]


def test_features_are_cut_loose_from_their_batch():
    predictor = speaking_predictor()
    seen = predictor.encode_batch([picture(n) for n in range(4)])
    loose = [cut_loose(one) for one in seen]
    assert num_bytes(loose[0]) < num_bytes(seen[0]) / 2
    assert num_bytes(loose[0]) > 48 * 40 * 3
    for one, other in zip(seen, loose, strict=True):
        assert_same(predictor.ask(one, "Where is the dog?"), predictor.ask(other, "Where is the dog?"))
    whole = Prefix(layers=((torch.zeros(1, 2), torch.zeros(1, 2)),), mask=torch.ones(1, 2, dtype=torch.bool))
    assert cut_loose(whole).layers[0][0] is whole.layers[0][0]  # nothing to copy
