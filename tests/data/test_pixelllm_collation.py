"""PixelLLM's batches: views, places of words, what is learned of which kind of data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from segue.data.native import ObjectRecord, Phrase, Record, Turn, WordPoint, encode_mask, mask_box
from segue.data.pixelllm_collation import PixelLLMCollator, align
from segue.data.pixelllm_view import TrainingView, ViewRange, draw_view
from segue.errors import DataError
from segue.images import Geometry
from segue.training.family_objectives import PixelLLMObjective
from tests.modeling.tiny_pixelllm import tiny_pixelllm, tiny_text

HEIGHT, WIDTH = 30, 60


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def picture() -> np.ndarray:
    return rng(5).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def record(*turns: Turn, mask: bool = True) -> Record:
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[5:20, 10:40] = True
    box = mask_box(pixels)
    thing = ObjectRecord(id=1, category="mug", segmentation=encode_mask(pixels) if mask else [], bbox=box)
    return Record(image="a.png", width=WIDTH, height=HEIGHT, objects=[thing], dialogue=list(turns))


def word(start: int, end: int, x: float, y: float) -> WordPoint:
    return WordPoint(span=(start, end), point=(x, y), extent=[x - 2, y - 2, x + 2, y + 2])


TRACE = Turn(
    question="a long image caption:",
    answer="the red mug on the cat",
    points=[word(4, 7, 20, 10), word(8, 11, 22, 12), word(19, 22, 50, 20)],
    type="trace",
)
REFER = Turn(
    question="where is the red mug",
    answer="the red mug",
    phrases=[Phrase(span=(0, 11), ids=[1])],
    type="refer",
)
REGION = Turn(question="an object of", answer="red mug", region=[10, 5, 30, 15], type="region")
CAPTION = Turn(question="a long image caption:", answer="the cat", type="caption")
QUESTION = Turn(question="question where is the cat answer", answer="on the mug", type="question")


@pytest.fixture(scope="module")
def model():
    return tiny_pixelllm()


def collator(model, **options) -> PixelLLMCollator:
    still = dict.fromkeys(("trace", "caption", "question", "refer", "region"), ViewRange())
    return PixelLLMCollator(model.config, tiny_text(model.config), **{"views": still} | options)


def test_the_view_of_inference():
    """Scale 1: the whole picture at the square's top, as `PixelLLMPredictor` shows it."""
    view = draw_view(HEIGHT, WIDTH, 56, rng(), among=ViewRange())
    assert view == TrainingView(Geometry.longest_pad(HEIGHT, WIDTH, 56, rounding="floor"), 56)
    assert view.size == (28, 56)
    assert view.picture(picture())[:, 28:].sum() == 0
    assert view.padding_mask().sum() == 28 * 56
    np.testing.assert_allclose(view.boxes([[0, 0, WIDTH, HEIGHT]]), [[0, 0, 56, 28]])


@pytest.mark.parametrize("seed", range(12))
def test_what_is_drawn_moves_with_the_picture(seed):
    """A bright rectangle stays under its box and its mask, whatever the scale, the cut and the mirror."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[8:24, 10:42] = 255
    view = draw_view(HEIGHT, WIDTH, 56, rng(seed), among=ViewRange(0.4, 2.0, mirror=True))
    bright = view.picture(image)[0] > 127
    mask = view.mask(image[..., 0] > 0)
    assert (bright != mask).mean() < 0.05
    x, y, w, h = mask_box(bright)
    np.testing.assert_allclose(view.boxes([[10, 8, 42, 24]])[0], [x, y, x + w, y + h], atol=1.01)
    assert view.padding_mask().sum() == view.size[0] * view.size[1]


def test_views_differ():
    drawn = {draw_view(HEIGHT, WIDTH, 56, rng(s), among=ViewRange(0.4, 2.0, mirror=True)) for s in range(30)}
    assert len(drawn) > 25
    assert {view.mirrored for view in drawn} == {True, False}
    assert any(view.corner[0] for view in drawn)


WORDS = [word(0, 3, 1, 1), word(4, 9, 2, 2), word(10, 12, 3, 3)]


@pytest.mark.parametrize(
    ("tokens", "by", "expected"),
    [
        # three tokens, three utterances: tokens at 5/9, 7/9, 1; utterances at 1/3, 2/3, 1
        ([(0, 3), (4, 9), (10, 12)], "order", [1, 1, 2]),
        ([(0, 1)] * 6, "order", [0, 1, 1, 1, 2, 2]),
        ([(0, 1), (1, 3), (3, 4), (5, 11), (12, 13)], "characters", [0, 0, None, 1, None]),
        ([], "order", []),
    ],
)
def test_alignment(tokens, by, expected):
    found = align(WORDS, tokens, by=by)
    assert found == [None if number is None else WORDS[number] for number in expected]


def test_nothing_to_align():
    assert align([], [(0, 1)], by="order") == [None]


def test_words_have_their_corners(model):
    sample = collator(model, alignment="characters").encode(picture(), record(TRACE), rng())
    ratio = 56 / WIDTH
    red, mug, cat = ([18, 8, 22, 12], [20, 10, 24, 14], [48, 18, 52, 22])
    assert sample.text[0][:8] == tiny_text(model.config).given(TRACE.answer)[:8]
    found = sample.points[0].reshape(-1, 4)
    np.testing.assert_allclose(found[[2, 3, 6]], np.array([red, mug, cat]) * ratio, atol=1e-4)
    assert not found[[0, 1, 4, 5, 7]].any()


@pytest.mark.parametrize(
    ("turns", "tasks", "terms"),
    [
        ([TRACE], [True, True, False, False], {"text", "point"}),
        ([CAPTION, CAPTION], [True, False, False, False], {"text"}),
        ([QUESTION], [True, False, False, False], {"text"}),
        ([REFER, REFER], [False, True, False, False], {"text", "point"}),
        ([REGION, REGION], [True, False, True, False], {"text", "detection"}),
    ],
)
def test_what_is_learned(model, turns, tasks, terms):
    own = collator(model)
    batch = own.collate(
        [own.encode(picture(), record(*turns), rng()), own.encode(picture(), record(turns[0]), rng())]
    )
    assert batch["tasks"].tolist() == tasks
    assert batch["labels"].tolist() == [[1] * len(turns), [1] + [0] * (len(turns) - 1)]
    losses = PixelLLMObjective(model)(**batch)
    assert terms <= losses.terms.keys()
    assert losses.total > 0
    model.zero_grad()
    losses.total.backward()
    reached = {n.split(".")[0] for n, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert ("location_head" in reached) == tasks[1]
    assert ("detector" in reached) == tasks[2]


def test_masks_are_learned_where_asked_for(model):
    own = collator(model, masks=True)
    batch = own.collate([own.encode(picture(), record(REFER), rng())])
    ratio = 56 / WIDTH
    assert batch["masks"].sum().item() == pytest.approx(15 * 30 * ratio**2, rel=0.1)
    assert {"mask", "mask_focal"} <= PixelLLMObjective(model)(**batch).terms.keys()
    with pytest.raises(DataError, match="object 1 has a box and no mask"):
        own.encode(picture(), record(REFER, mask=False), rng())


def test_boxes_prompt_captions_where_nothing_proposes(model):
    bare = tiny_pixelllm(detector_config=None)
    own = collator(bare)
    batch = own.collate([own.encode(picture(), record(REGION), rng())])
    assert batch["tasks"].tolist() == [True, False, False, False]
    torch.testing.assert_close(batch["prompt_boxes"], batch["boxes"])
    np.testing.assert_allclose(batch["boxes"][0, 0], np.array([10, 5, 40, 20]) * 56 / WIDTH, rtol=1e-5)


def test_what_a_cut_leaves_nothing_of_is_dropped(model):
    """At twice the size only a part of the picture is seen."""
    corners = [
        Turn(question="an object of", answer="mug", region=[x, y, 3, 3], type="region")
        for x, y in ((0, 0), (57, 0), (0, 27), (57, 27))
    ]
    own = collator(model, views={"region": ViewRange(2.0, 2.0)})
    counts = {len(own.encode(picture(), record(*corners), rng(seed)).text) for seed in range(20)}
    assert max(counts) < 4
    nothing = next(
        sample
        for sample in (own.encode(picture(), record(corners[0]), rng(seed)) for seed in range(20))
        if not sample.text
    )
    batch = own.collate([nothing])
    assert batch["labels"].tolist() == [[0]]
    assert PixelLLMObjective(model)(**batch).total.isfinite()


def test_padding_changes_neither_captions_nor_places(model):
    own = collator(model)
    samples = [own.encode(picture(), record(TRACE), rng())]
    apart = PixelLLMObjective(model)(**own.collate(samples))
    own.prompts = 4
    padded = PixelLLMObjective(model)(**own.collate(samples))
    torch.testing.assert_close(padded.total, apart.total, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ((), "turns of one kind are needed"),
        ((TRACE, REFER), "it has .*refer.*trace"),
        ((Turn(question="what?", answer="mug"),), "turns of one kind"),
        ((REFER.model_copy(update={"phrases": []}),), "neither a region nor an object"),
    ],
)
def test_what_cannot_be_learned_is_named(model, turns, message):
    with pytest.raises(DataError, match=message):
        collator(model).encode(picture(), record(*turns), rng())


def test_a_batch_is_of_one_kind(model):
    own = collator(model)
    samples = [own.encode(picture(), record(turn), rng()) for turn in (TRACE, REFER)]
    with pytest.raises(DataError, match="one kind of data"):
        own.collate(samples)
