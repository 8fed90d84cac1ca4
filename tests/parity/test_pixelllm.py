"""PixelLLM against the original: every array that its golden run recorded, for both language models.

Tolerances are the fixture's own: 1e-4 on features and logits (2e-4 on the image encoders), 1e-2 pixels, ids
exact.
"""

from __future__ import annotations

import pytest
import torch

from segue.images import Geometry, open_image
from segue.modeling.captioners import PrefixDecoder
from segue.modeling.location_head import extent
from segue.modeling.prompt_extractor import box_corners
from tests.parity.pixelllm_case import PixelLLMCase
from tests.parity.shared import parity_folder

FOLDER = parity_folder("pixelllm")
PIXELS, ENCODERS, MASKS = 1e-2, 2e-4, 2e-3


@pytest.fixture(scope="module", params=["t5", "bert"])
def case(request):
    torch.set_num_threads(1)
    with torch.no_grad():
        yield PixelLLMCase(FOLDER / request.param)


def last(x):
    """Channels last, as the original has its maps."""
    return x.permute(0, 2, 3, 1)


@pytest.mark.parametrize("number", [0, 1])
def test_pictures_are_prepared_as_the_original_does(case, number):
    picture = open_image(FOLDER / f"sample_{number}.png")
    size = case.model.config.image_size
    geometry = Geometry.longest_pad(picture.height, picture.width, size, rounding="floor")
    ours = torch.from_numpy(geometry.apply_plain_bilinear(picture))
    height, width = geometry.valid
    theirs = case["inputs"][number]
    torch.testing.assert_close(ours, theirs[:height, :width], atol=1e-3, rtol=0)
    assert not theirs[height:].any()
    assert case["padding_mask"][number].sum() == height * width


def test_encoders(case):
    vision = case.model.vision
    eva, sam = vision.eva_pixels(*case.pixels), vision.sam_pixels(*case.pixels)
    case.check("git_pixel_values", last(eva))
    case.check("sam_pixel_values", last(sam))
    tokens, (height, width) = vision.eva.encode(eva)
    case.check("git_tokens_with_cls", tokens, within=ENCODERS)
    case.check("git_visual_features", tokens[:, 1:].unflatten(1, (height, width)), within=ENCODERS)
    case.check("sam_visual_features", last(case.features.sam), within=ENCODERS)
    case.check("concat_visual_features", last(case.features.fused), within=ENCODERS)
    case.check("image_shape", case.features.valid, within=0)
    assert case["prompt_image_size"].tolist() == [case.model.prompt_side] * 2


@pytest.mark.parametrize("name", ["trace", "ref", "loca"])
def test_prompts_and_extractor(case, name):
    model, boxes = case.model, case[f"{name}/prompt_boxes"]
    prompts, side = model.prompt_encoder, model.prompt_side
    case.check(f"{name}/prompt_points", box_corners(boxes), within=PIXELS)
    case.check(f"{name}/point_prompt_embeddings", prompts.points(box_corners(boxes), side))
    case.check(f"{name}/box_prompt_embeddings", prompts.boxes(boxes, side))
    visual = model.look(case.features, boxes)
    case.check(f"{name}/adapter_output", visual)
    case.check(f"{name}/lm_prefix", model.captioner.prefix(visual))


def test_the_whole_picture_is_the_default_prompt(case):
    model = case.model
    boxes = model.whole(case.features)
    case.check("trace/prompt_boxes", boxes, within=PIXELS)
    case.check("ref/prompt_boxes", model.whole(case.features, prompts=4), within=PIXELS)
    sparse = model.prompt_encoder.sparse(boxes, model.prompt_side)
    case.check("trace/sparse_prompt_tokens", sparse)
    grid = model.prompt_encoder.positions.grid(*case.features.fused.shape[-2:])
    case.check("dense_pe", grid)
    _, keys = model.extractor.read(case.features.fused, sparse, model.prompt_encoder.no_mask, grid)
    case.check("trace/adapter_dense_output", model.extractor.dense_output(keys))


@pytest.mark.parametrize("name", ["trace", "ref"])
def test_language_model_and_points(case, name):
    model, text = case.model, case[f"{name}/text_tokens"]
    memory = model.remember(
        model.look(case.features, case[f"{name}/prompt_boxes"]), case[f"{name}/context_tokens"]
    )
    if isinstance(model.captioner, PrefixDecoder):
        texts = model.captioner.layer_outputs(memory, text.flatten(0, 1))
        for number, (prefix, own) in enumerate(zip(memory.outputs, texts, strict=True)):
            case.check(f"{name}/bert_layer_{number}_output", torch.cat([prefix, own], dim=1))
    else:
        case.check(f"{name}/t5_encoder_output", memory.states)
    states = model.read(memory, text)
    case.check(f"{name}/text_feats", states)
    case.check(f"{name}/logits", model.captioner.logits(states))
    relative, rest = model.location_head(states)
    case.check(f"{name}/point_coords_relative", relative)
    case.check(f"{name}/point_extra_logits", rest)
    case.check(f"{name}/point_coords", model.word_points(states, case.features.valid), within=PIXELS)


def test_which_positions_are_words_and_which_carries_the_box(case):
    text = case["trace/text_tokens"]
    case.check("trace/trace_valid_mask", case.model.is_word(text), within=0)
    case.check("trace/box_token_mask", case.model.carries_box(text), within=0)


def test_referring_localisation(case):
    case.check("ref/detection_boxes", case.referred.boxes, within=PIXELS)
    case.check("ref/point_valid_mask", case.referred.found, within=0)


def test_referring_segmentation(case):
    model, referred = case.model, case.referred
    case.check("ref/mask_box_embeddings", model.mask_prompts(referred.boxes))
    case.check("ref/mask_adapter_output", model.adapt(referred))
    masks, iou = model.segment(case.features, referred)
    case.check("ref/detection_masks", masks, within=MASKS)
    assert torch.equal(masks > 0, case["ref/detection_masks"] > 0)
    case.check("ref/iou_predictions", iou)
    masks, iou = model.decode_masks(case.features, model.mask_prompts(referred.boxes), several=True)
    case.check("ref/no_adapter_multimask_logits", masks, within=MASKS)
    case.check("ref/no_adapter_multimask_iou", iou)


@pytest.mark.parametrize(("name", "num_beams"), [("trace/greedy", 1), ("trace/beam4", 4), ("loca/greedy", 1)])
def test_generation(case, name, num_beams):
    model = case.model
    boxes, context = case[f"{name.split('/')[0]}/prompt_boxes"], case[f"{name}/context_tokens"]
    captions = model.caption(case.features, boxes, context, num_beams=num_beams)
    case.check(f"{name}/beam_text_tokens", captions.beams.texts, within=0)
    case.check(f"{name}/beam_log_probs", captions.beams.scores)
    case.check(f"{name}/log_probs", captions.scores)
    if name.startswith("loca"):
        return case.check(f"{name}/text_tokens", captions.texts, within=0)
    text = model.clean(captions.texts)
    case.check(f"{name}/text_tokens", text, within=0)
    points, words = model.trace(
        case.features, model.remember(model.look(case.features, boxes), context), text
    )
    case.check(f"{name}/point_coords", points, within=PIXELS)
    case.check(f"{name}/point_valid_mask", words, within=0)
    case.check(f"{name}/detection_boxes", extent(points, words), within=PIXELS)


def order_of(boxes_BK4, golden_BK4, scores_BK):
    """(B, K, 4) which of our boxes is each golden one: itself, but for neighbours whose scores are equal to
    five digits. Which of these comes first is a matter of the CPU."""
    order = torch.arange(boxes_BK4.shape[1]).repeat(len(boxes_BK4), 1)
    for row, (ours, golden, scores) in enumerate(zip(boxes_BK4, golden_BK4, scores_BK, strict=True)):
        for k in (scores[:-1] - scores[1:] < 1e-5).nonzero()[:, 0].tolist():
            if (ours[order[row, k]] - golden[k]).abs().max() > PIXELS:
                order[row, [k, k + 1]] = order[row, [k + 1, k]]
    return order[..., None].expand(-1, -1, 4)


def test_proposals(case):
    detector, config = case.model.detector, case.model.config
    maps = detector.pyramid(case.features.fused)
    dense = detector.head(maps)
    for level, (pyramid, heatmap, distances) in enumerate(
        zip(maps, dense.heatmaps, dense.distances, strict=True), start=3
    ):
        case.check(f"det/fpn_p{level}", last(pyramid))
        case.check(f"det/heatmap_logits_p{level}", last(heatmap))
        case.check(f"det/box_regs_p{level}", last(distances))
    part = config.detector_config
    before = detector.candidates(dense, topk=part.pre_nms_topk)
    case.check("det/proposals_pre_nms_scores", before.scores)
    order = order_of(before.boxes, case["det/proposals_pre_nms_boxes"], case["det/proposals_pre_nms_scores"])
    case.check("det/proposals_pre_nms_boxes", before.boxes.gather(1, order), within=PIXELS)
    after = detector.suppress(before, threshold=part.proposal_nms_iou, most=part.post_nms_topk)
    case.check("det/proposals_post_nms_boxes_unclipped", after.boxes, within=PIXELS)
    case.check("det/proposals_post_nms_scores", after.scores)
    proposals = detector.propose(dense, config.image_size)
    case.check("det/proposals_post_nms_boxes", proposals.boxes, within=PIXELS)
    crops = detector.crop(maps, proposals.boxes)
    case.check("det/roi_align_features", crops[:, :4])
    logits, deltas = detector.roi(crops)
    case.check("det/roi_class_logits", logits)
    case.check("det/roi_box_deltas", deltas)


@pytest.mark.parametrize(
    ("name", "num_beams", "rescore"), [("greedy", 1, False), ("beam2_rescored", 2, True)]
)
def test_dense_captions(case, name, num_beams, rescore):
    context = case[f"densecap/{name}/context_tokens"][0, 0]
    found = case.model.caption_dense(case.features, context, num_beams=num_beams, rescore=rescore)
    case.check(f"densecap/{name}/detection_boxes", found.boxes, within=PIXELS)
    case.check(f"densecap/{name}/detection_scores", found.scores)
    case.check(f"densecap/{name}/detection_classes", found.classes, within=0)
    case.check(f"densecap/{name}/text_tokens", found.texts, within=0)
    counts = (found.classes > 0).sum(1)
    assert counts.tolist() == case[f"densecap/{name}/num_detections"].tolist()
