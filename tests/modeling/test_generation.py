"""The decode loop's promises: cached equals uncached, a batch equals its rows, groups are fed in one step."""

from __future__ import annotations

import torch

from segue.modeling.generation import Prefix, compute_prefix, generate
from tests.modeling.tiny import tiny_model

QUESTIONS = ["Where is the dog?", "Where are the red mug and the spoon in this image, please?", "dog"]


def encoded(model, processor, num_images):
    generator = torch.Generator().manual_seed(3)
    pixels = torch.randint(0, 255, (num_images, 3, 32, 32), generator=generator)
    features = model.encode_images(pixels)
    ids = torch.tensor([processor.prefix_ids] * num_images)
    return features, compute_prefix(model.language_model, model.embed(ids, features.tokens))


def answers(model, processor, prefix, questions, index, **options):
    prompts = [model.embed(torch.tensor([processor.question_ids(q)]))[0] for q in questions]
    options = {"max_new_tokens": 24, "forced_after": processor.vocabulary.forced_after} | options
    return generate(
        model.language_model, prefix, prompts, image_index=index, stop_id=processor.stop_id, **options
    )


@torch.no_grad()
def test_cached_states_equal_one_uncached_pass():
    model, processor = tiny_model()
    features, prefix = encoded(model, processor, 1)
    for question in QUESTIONS:
        (answer,) = answers(model, processor, prefix, [question], [0])
        ids = processor.prefix_ids + processor.question_ids(question) + answer.ids
        states = model(torch.tensor([ids]), image_tokens=features.tokens)[0]
        start = len(ids) - len(answer.ids) - 1
        own = states[start : start + len(answer.states)]
        torch.testing.assert_close(answer.states, own, atol=1e-4, rtol=1e-4)
        # Greedy by the uncached pass too, but for forced ids.
        chosen = model.lm_head(own).argmax(-1).tolist()
        forced = set(processor.vocabulary.group[1:])
        assert all(a == b for a, b in zip(answer.ids, chosen, strict=False) if a not in forced)


@torch.no_grad()
def test_a_batch_gives_what_its_rows_give_alone():
    model, processor = tiny_model()
    _, prefix = encoded(model, processor, 2)
    together = answers(model, processor, prefix, QUESTIONS, [0, 1, 0])
    for question, index, joint in zip(QUESTIONS, [0, 1, 0], together, strict=True):
        (alone,) = answers(model, processor, prefix[index], [question], [0])
        assert alone.ids == joint.ids
        torch.testing.assert_close(alone.states, joint.states, atol=1e-4, rtol=1e-4)
    assert len({tuple(answer.ids) for answer in together}) > 1  # the prompts matter


@torch.no_grad()
def test_forced_groups_equal_one_by_one():
    model, processor = tiny_model()
    group = processor.vocabulary.group
    _, prefix = encoded(model, processor, 1)
    # Make the first answer's state choose a group: forcing then feeds four ids at once.
    (first,) = answers(model, processor, prefix, [QUESTIONS[0]], [0], max_new_tokens=1)
    model.language_model.lm_head.weight[group[0]] = first.states[0] * 10
    (chunked,) = answers(model, processor, prefix, [QUESTIONS[0]], [0])
    assert group[0] in chunked.ids
    start = chunked.ids.index(group[0])
    assert tuple(chunked.ids[start : start + len(group)]) == group
    # Feed the same ids one at a time and compare every state.
    prompt = processor.question_ids(QUESTIONS[0])
    states = []
    fed: list[int] = []
    for token in [None, *chunked.ids]:
        if token is not None:
            fed.append(token)
        (step,) = generate(
            model.language_model,
            prefix,
            [model.embed(torch.tensor([prompt + fed]))[0]],
            image_index=[0],
            stop_id=-1,
            max_new_tokens=0,
        )
        states.append(step.states[0])
    torch.testing.assert_close(
        torch.stack(states)[: len(chunked.states)], chunked.states, atol=1e-4, rtol=1e-4
    )


@torch.no_grad()
def test_stops_at_the_stop_id_and_reports_a_cut():
    model, processor = tiny_model()
    _, prefix = encoded(model, processor, 1)
    (cut,) = answers(model, processor, prefix, [QUESTIONS[0]], [0], max_new_tokens=3)
    assert not cut.finished
    assert len(cut.ids) <= 3
    first = cut.ids[0]
    prompts = [model.embed(torch.tensor([processor.question_ids(QUESTIONS[0])]))[0]]
    (stopped,) = generate(
        model.language_model, prefix, prompts, image_index=[0], stop_id=first, max_new_tokens=9
    )
    assert stopped.finished
    assert stopped.ids == []
    assert stopped.states.shape == (1, model.config.text_config.hidden_size)


@torch.no_grad()
def test_a_row_that_is_dropped_stops_at_once_and_leaves_the_others_as_they_were():
    model, processor = tiny_model()
    _, prefix = encoded(model, processor, 1)
    alone = answers(model, processor, prefix, QUESTIONS, [0, 0, 0])
    steps: list[tuple[int, int]] = []

    def watch(row, ids):
        steps.append((row, len(ids)))
        return not (row == 1 and len(ids) >= 3)

    watched = answers(model, processor, prefix, QUESTIONS, [0, 0, 0], watch=watch)
    assert watched[1].dropped
    assert not watched[1].finished
    assert watched[1].ids == alone[1].ids[: len(watched[1].ids)]
    assert sum(length >= 3 for row, length in steps if row == 1) == 1  # not one step more
    for row in (0, 2):
        assert watched[row].ids == alone[row].ids
        assert not watched[row].dropped
        assert [n for r, n in steps if r == row][-1] == len(alone[row].ids)


@torch.no_grad()
def test_rows_may_have_limits_of_their_own():
    model, processor = tiny_model()
    _, prefix = encoded(model, processor, 1)
    whole = answers(model, processor, prefix, QUESTIONS, [0, 0, 0], max_new_tokens=9)
    cut = answers(model, processor, prefix, QUESTIONS, [0, 0, 0], max_new_tokens=[9, 2, 9])
    assert [row.ids for row in cut] == [whole[0].ids, cut[1].ids, whole[2].ids]
    assert len(cut[1].ids) <= 2
    assert cut[1].ids == whole[1].ids[: len(cut[1].ids)]
    assert not cut[1].finished


@torch.no_grad()
def test_the_prefix_is_a_value_that_generation_does_not_write_to():
    model, processor = tiny_model()
    _, prefix = encoded(model, processor, 1)
    before = [(k.clone(), v.clone()) for k, v in prefix.layers]
    answers(model, processor, prefix, QUESTIONS, [0, 0, 0])
    for (k, v), (k0, v0) in zip(prefix.layers, before, strict=True):
        assert torch.equal(k, k0)
        assert torch.equal(v, v0)
    joined = Prefix.join([prefix, prefix])
    assert joined.mask.shape[0] == 2
