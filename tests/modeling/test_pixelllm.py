"""PixelLLM's promises on tiny random models: cached equals uncached, batch equals single, variants."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch

from segue.errors import CapabilityError, CheckpointError
from segue.modeling.boxes import box_iou, generalized_iou, non_maximum_suppression, roi_align
from segue.modeling.caption_search import clean
from segue.modeling.eva02 import Eva02, read_timm_weights
from segue.modeling.location_head import LocationHead, extent
from segue.modeling.resizing import linear_table
from tests.modeling.tiny_pixelllm import tiny_pixelllm, tiny_pixelllm_config

CONTEXT = torch.tensor([4, 7, 1, 0, 0, 0])


@pytest.fixture(autouse=True)
def _no_grad():
    with torch.no_grad():
        yield


def see(model, count=1):
    generator = torch.Generator().manual_seed(1)
    side = model.config.image_size
    padding_mask = torch.zeros(count, side, side)
    padding_mask[:, :40] = 1
    return model.encode_images(torch.rand(count, 3, side, side, generator=generator) * 255, padding_mask)


@pytest.fixture(scope="module", params=["t5", "bert"])
def model(request):
    return tiny_pixelllm(text=request.param)


def test_reading_token_by_token_is_reading_the_whole_text(model):
    features = see(model)
    memory = model.remember(model.look(features, model.whole(features, prompts=2)), CONTEXT.expand(1, 2, -1))
    text = torch.tensor([[2, 5, 6, 7, 8, 1], [2, 9, 9, 5, 4, 1]])
    whole = model.captioner.read(memory, text)
    cursor = model.captioner.begin(memory)
    for position in range(text.shape[1] - 1):
        torch.testing.assert_close(cursor.feed(text[:, position]), whole[:, position], atol=1e-5, rtol=1e-4)


def test_a_cursor_follows_its_rows(model):
    features = see(model)
    memory = model.remember(model.look(features, model.whole(features, prompts=2)), CONTEXT.expand(1, 2, -1))
    cursor = model.captioner.begin(memory)
    cursor.feed(torch.tensor([2, 2]))
    swapped = model.captioner.begin(memory[torch.tensor([1, 0])])
    swapped.feed(torch.tensor([2, 2]))
    cursor.select(torch.tensor([1, 0]))
    ids = torch.tensor([5, 6])
    torch.testing.assert_close(cursor.feed(ids), swapped.feed(ids))


def test_captions_of_many_boxes_are_those_of_each(model):
    features = see(model, 2)
    boxes = torch.tensor([[[0, 0, 30, 30], [5, 5, 50, 39]], [[1, 2, 9, 9], [0, 0, 56, 40]]]).float()
    together = model.caption(features, boxes, CONTEXT.expand(2, 2, -1), num_beams=2)
    for image in range(2):
        for number in range(2):
            alone = model.caption(
                features[image], boxes[image, number][None, None], CONTEXT[None, None], num_beams=2
            )
            assert alone.texts.flatten().tolist() == together.texts[image, number].tolist()
            torch.testing.assert_close(alone.scores[0, 0], together.scores[image, number])


def test_greedy_never_repeats_a_token_and_never_fills_the_last_slot(model):
    features = see(model)
    text = model.caption(features, model.whole(features), CONTEXT[None, None]).texts[0, 0].tolist()
    eos = model.config.eos_token_id
    assert text[-1] == eos
    said = text[: text.index(eos)]
    assert all(a != b for a, b in pairwise(said))


def test_one_point_per_word_and_the_states_of_the_paper():
    model = tiny_pixelllm(points_per_word=1, word_state="before", box_state="end", mask_by_next_token=False)
    features = see(model)
    text = torch.tensor([[[0, 5, 6, 1, 0, 0, 0, 0, 0, 0]]])
    assert model.carries_box(text)[0, 0].nonzero().flatten().tolist() == [3]
    referred = model.refer(features, CONTEXT[None, None], text)
    assert referred.points.shape == (1, 1, 10, 1, 2)
    x0, y0, x1, y1 = referred.boxes[0, 0].tolist()
    assert x0 <= x1
    assert y0 <= y1
    after = model.location_head(referred.states)[0][0, 0, 1, 0] * features.valid.flip(-1)[0]
    torch.testing.assert_close(referred.points[0, 0, 2, 0], after)


def test_parts_that_are_left_out_say_so():
    model = tiny_pixelllm(detector_config=None, mask_decoder_config=None, mask_adapter_config=None)
    features = see(model)
    with pytest.raises(CapabilityError, match="no proposal head"):
        model.detect(features)
    referred = model.refer(features, CONTEXT[None, None], torch.tensor([[[0, 5, 1] + [0] * 7]]))
    with pytest.raises(CapabilityError, match="no mask decoder"):
        model.segment(features, referred)


def test_lora_of_self_attention_alone_leaves_the_rest():
    names = [name for name, _ in tiny_pixelllm(lora_attention="self").named_parameters() if "lora" in name]
    assert names
    assert not any("EncDecAttention" in name for name in names)


def test_eva_reads_eva_clip_names_and_refuses_a_norm_that_it_lacks():
    config = tiny_pixelllm_config().eva_config
    torch.manual_seed(2)
    source, target = Eva02(config), Eva02(config)
    state = {
        name.replace("attn.q_proj.bias", "attn.q_bias").replace("mlp.fc1_g", "mlp.w1"): value
        for name, value in source.state_dict().items()
    }
    read_timm_weights(target, state | {"head.weight": torch.zeros(1)})
    pixels = torch.rand(1, 3, 56, 56)
    torch.testing.assert_close(source(pixels), target(pixels))
    with pytest.raises(CheckpointError, match="attention_norm"):
        read_timm_weights(target, state | {"blocks.0.attn.inner_attn_ln.weight": torch.zeros(16)})
    del state["cls_token"]
    with pytest.raises(CheckpointError, match=r"1 missing \(cls_token\)"):
        read_timm_weights(target, state)


def test_a_table_is_resized_linearly():
    table = torch.arange(5.0)[:, None]
    torch.testing.assert_close(linear_table(table, 5), table)
    assert linear_table(table, 9)[4, 0] == pytest.approx(2.0)


def test_the_extent_of_no_words_is_inverted():
    points = torch.tensor([[[1.0, 2.0], [5.0, 9.0]]])[None]
    assert extent(points, torch.tensor([[True]])).tolist() == [[1, 2, 5, 9]]
    x0, _, x1, _ = extent(points, torch.tensor([[False]]))[0].tolist()
    assert x0 > x1


def test_the_location_head_gives_half_for_zero():
    head = LocationHead(4, hidden=8, num_layers=2, points=2, values=4)
    torch.nn.init.zeros_(head.layers[-1].weight)
    torch.nn.init.zeros_(head.layers[-1].bias)
    relative, rest = head(torch.rand(3, 4))
    assert relative.shape == (3, 2, 2)
    assert rest.shape == (3, 2, 2)
    assert (relative == 0.5).all()


def test_overlaps_by_hand():
    a, b = torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 0, 3, 2], [4.0, 4, 5, 5]])
    assert box_iou(a, b)[0].tolist() == pytest.approx([2 / 6, 0])
    assert generalized_iou(a.expand(2, 4), b).tolist() == pytest.approx([1 / 3, (5 - 25) / 25])
    assert box_iou(torch.zeros(1, 4), torch.zeros(1, 4)).item() == 0


def test_suppression_by_hand():
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30], [-5, -5, -1, -1]])
    scores = torch.tensor([0.5, 0.9, 0.3, 0.99])
    assert non_maximum_suppression(boxes, scores, 0.5, most=9).tolist() == [1, 2]
    assert non_maximum_suppression(boxes, scores, 0.95, most=2).tolist() == [1, 0]


def test_roi_align_reads_a_ramp_and_zero_outside():
    ramp = torch.arange(8.0).expand(8, 8)[None, None]
    image = torch.zeros(2, dtype=torch.long)
    boxes = torch.tensor([[16.0, 16, 48, 48], [-64.0, 16, -32, 48]])
    crops = roi_align([ramp], boxes, image, strides=[8], size=2, samples=2)
    assert crops[0, :, :, 0].tolist() == [pytest.approx([2.5, 4.5])] * 2
    assert crops[1].abs().max() == 0


def test_clean_keeps_the_first_end():
    assert clean(torch.tensor([[0, 5, 1, 1, 7]]), eos=1).tolist() == [[0, 5, 1, 0, 0]]
