"""LISA and GSVA with random weights: what holds whatever they were trained on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPVisionConfig, LlamaConfig

from segue.checkpoints.llava_layout import lisa_table
from segue.checkpoints.sam_layout import SAM_VIT_H
from segue.conversation import get_template
from segue.data.native import Phrase, Turn
from segue.errors import CapabilityError, CheckpointError, QuestionError
from segue.images import Geometry
from segue.lisa_processing import LisaProcessor
from segue.modeling.lisa import LisaFeatures, LisaModel, make_projector
from segue.modeling.lisa_configuration import LisaConfig
from segue.predictor import Predictor
from segue.query import Query, Round
from segue.training.lisa_objective import LisaBatch, lisa_losses, pad_conversations
from tests.modeling.tiny_lisa import tiny_lisa

ROWS = np.random.default_rng(5).integers(0, 255, (2, 30, 50, 3), dtype=np.uint8)


@pytest.fixture(scope="module", params=[False, True], ids=["lisa", "gsva"])
def made(request, tmp_path_factory):
    return tiny_lisa(tmp_path_factory.mktemp("made"), rejects=request.param)


@pytest.fixture(scope="module")
def predictor(made):
    return Predictor(*made, name="tiny")


def test_7b_has_the_published_names_and_shapes():
    config = LisaConfig(
        clip_config=CLIPVisionConfig(
            hidden_size=1024,
            intermediate_size=4096,
            num_hidden_layers=24,
            num_attention_heads=16,
            patch_size=14,
        ),
        text_config=LlamaConfig(vocab_size=32003, tie_word_embeddings=False),
        sam_config=SAM_VIT_H.to_config(),
    )
    with torch.device("meta"):
        model = LisaModel(config)
    table = lisa_table(SAM_VIT_H.iou_head_depth)
    shapes = {table.to_published(name): list(v.shape) for name, v in model.state_dict().items()}
    assert len(shapes) == len(model.state_dict())
    assert None not in shapes
    llama = {name for name in shapes if name.startswith("model.layers.")}
    parts = [f"self_attn.{x}_proj" for x in "qkvo"] + [f"mlp.{x}_proj" for x in ("gate", "up", "down")]
    parts += ["input_layernorm", "post_attention_layernorm"]
    assert llama == {f"model.layers.{i}.{part}.weight" for i in range(32) for part in parts}
    assert shapes["model.embed_tokens.weight"] == shapes["lm_head.weight"] == [32003, 4096]
    assert shapes["model.mm_projector.weight"] == [4096, 1024]
    assert shapes["model.text_hidden_fcs.0.2.weight"] == [256, 4096]
    assert shapes["model.visual_model.image_encoder.blocks.31.attn.rel_pos_w"] == [127, 80]
    assert config.num_image_tokens == 256


def test_image_tokens_follow_the_tower(tmp_path):
    model, processor = tiny_lisa(tmp_path, clip_size=42)
    assert processor.num_image_tokens == 9
    assert model.encode_images(processor.pixels([_picture(0)])[0]).tokens.shape == (1, 9, 32)


def _picture(number: int):
    from PIL import Image

    return Image.fromarray(ROWS[number])


@pytest.mark.parametrize("template", ["llava_v1", "llava_llama_2"])
def test_a_chat_with_history_reads_the_conversation_as_it_is_rendered(made, monkeypatch, template):
    model, processor = made
    monkeypatch.setattr(processor, "template", get_template(template))
    predictor = Predictor(model, processor, name="tiny")
    said = tuple(processor.tokenizer.encode("it is the dog [SEG].", add_special_tokens=False))
    prompt = predictor._prompt(Query(None, "is it", history=(Round("the dog", said),)))
    text = processor.render([("the dog", "it is the dog [SEG]."), ("is it", None)]).replace(" </s>", "</s>")
    assert processor.prefix_ids + prompt == processor.text_ids(text)
    chat = predictor.chat(ROWS[0], history=True)
    chat.ask("the dog", max_new_tokens=3)
    chat.ask("is it", max_new_tokens=3)
    first, second = chat.rounds
    assert (len(first.ids), len(second.ids)) == (3, 3)
    with torch.no_grad():
        ids = processor.prefix_ids + predictor._prompt(Query(None, "is it", history=(first,)))
        states = model(torch.tensor([ids]), image_tokens=chat.image.features.tokens)
        assert model.lm_head(states[0, -1]).argmax() == second.ids[0]


def test_a_batch_gives_the_answers_of_its_rows(predictor):
    pairs = [(ROWS[0], "is it the dog"), (ROWS[1], "it"), (ROWS[0], "the dog, it is")]
    together = predictor.ask_batch(pairs, max_new_tokens=6)
    for (image, question), answer in zip(pairs, together, strict=True):
        alone = predictor.ask(image, question, max_new_tokens=6)
        assert (alone.text, alone.segments) == (answer.text, answer.segments)
    assert not together[0].words  # no point head in these families


def test_padding_changes_no_state(made):
    model, processor = made
    ids = [processor.text_ids(processor.template.render([(q, "it.")])) for q in ("the dog is it", "it")]
    features = model.encode_images(processor.pixels([_picture(0)])[0])
    width = max(map(len, ids))
    padded = torch.tensor([row + [processor.pad_id] * (width - len(row)) for row in ids])
    mask = torch.arange(width) < torch.tensor([[len(row)] for row in ids])
    with torch.no_grad():
        both = model(padded, features.tokens.expand(2, -1, -1), attention_mask=mask)
        for row, own in enumerate(ids):
            alone = model(torch.tensor([own]), features.tokens)[0]
            torch.testing.assert_close(both[row, : len(own)], alone, atol=1e-5, rtol=1e-4)


def test_score_decodes_the_masks_of_a_given_answer(made, predictor):
    turn = Turn(question="it", answer="it is the dog.", phrases=[Phrase(span=(6, 13), ids=[1])])
    scored = predictor.score(ROWS[0], "it", turn)
    assert scored.mask_logits.shape == (1, 30, 50)
    absent = Turn(question="it", answer="the dog.", phrases=[Phrase(span=(0, 7), ids=[])])
    if made[1].vocabulary.reject is None:
        with pytest.raises(CapabilityError, match="cannot reject"):
            predictor.score(ROWS[0], "it", absent)
    else:
        assert made[1].vocabulary.reject in predictor.score(ROWS[0], "it", absent).input_ids


@pytest.mark.parametrize(
    ("question", "error", "problem"),
    [
        ("", QuestionError, "empty"),
        (" \n", QuestionError, "empty"),
        (7, QuestionError, "not int"),
        ("is [SEG] it", QuestionError, r"control token \[SEG\]"),
        ("an <image>", QuestionError, "control token <image>"),
        ("\ud800", QuestionError, "surrogate"),
        ("dog " * 1500, QuestionError, "shorten it"),
        ("dog " * 20000, QuestionError, "shorten it"),
    ],
)
def test_questions_that_cannot_be_asked(predictor, question, error, problem):
    with pytest.raises(error, match=problem):
        predictor.ask(ROWS[0], question)


def test_boxes_are_not_taken(predictor):
    with pytest.raises(CapabilityError, match="boxes"):
        predictor.caption(ROWS[0], box=(0, 0, 9, 9))


def test_placeholders_must_match_features(made):
    model, processor = made
    with pytest.raises(ValueError, match="4 placeholders for image tokens, but 0"):
        model.embed(torch.tensor([processor.prefix_ids]))


def test_features_join_and_come_apart(made):
    model, processor = made
    features = model.encode_images(processor.pixels([_picture(0), _picture(1)])[0])
    again = LisaFeatures.join([features[0], features[1]])
    assert len(again) == 2
    assert torch.equal(again.sam, features.sam)


def test_projectors():
    assert sum(p.numel() for p in make_projector("mlp2x_gelu", 4, 8).parameters()) == 40 + 72
    assert make_projector("identity", 4, 4)(torch.ones(4)).sum() == 4
    with pytest.raises(CheckpointError, match="mlpNx_gelu"):
        make_projector("resampler", 4, 8)


def test_losses_of_rejected_and_absent_targets(made):
    model, processor = made
    rejects = processor.vocabulary.reject
    answers = ["it is [SEG].", "it."] + (["the dog:[SEG], it:[REJ]."] if rejects else [])
    texts = [processor.template.render([("the dog", answer)]) for answer in answers]
    ids, labels, mask = pad_conversations(
        [processor.encode_conversation(t) for t in texts], pad_id=processor.pad_id
    )
    images = [_picture(0)] * len(texts)
    pixels, geometries = processor.pixels(images)
    counts = [1, 0, 2][: len(texts)]
    masks = [torch.zeros(count, *Geometry.longest_pad(30, 50, 64).original) for count in counts]
    for one in masks:
        one[:, 5:20, 10:30] = 1
    rows = torch.arange(len(texts))
    model.requires_grad_(True).zero_grad()
    batch = LisaBatch(pixels, geometries, ids, labels, mask, rows, masks)
    losses = lisa_losses(model, batch, seg_id=processor.vocabulary.group[0], rej_id=rejects)
    losses.loss.backward()
    assert losses.loss.isfinite()
    assert losses.low_res.shape[0] == (2 if rejects else 1)
    for part in (model.text_hidden_fcs, model.sam.mask_decoder, model.language_model, model.projector):
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())
    model.requires_grad_(False)
    wrong = LisaBatch(pixels, geometries, ids, labels, mask, rows, [torch.zeros(3, 30, 50), *masks[1:]])
    with pytest.raises(ValueError, match="3 targets, but 1 tokens"):
        lisa_losses(model, wrong, seg_id=processor.vocabulary.group[0], rej_id=rejects)


def test_without_image_marks(tmp_path):
    _, processor = tiny_lisa(tmp_path, use_image_marks=False)
    assert isinstance(processor, LisaProcessor)
    assert processor.tokenizer.added["<im_start>"] not in processor.prefix_ids


def test_the_whole_picture_where_it_is_padded(tmp_path):
    _, processor = tiny_lisa(tmp_path, clip_fit="pad")
    wide = Image.fromarray(np.full((10, 20, 3), 255, np.uint8))
    view = processor.clip_view(wide)
    assert (view[:, 14:] == 0).all(), "the padding"
    assert (view[:, :14] > 1).all(), "all 28 columns are the white picture"


def test_boxes_and_clicks_are_two_prompts_each(made):
    sam = made[0].sam
    boxes = sam.embed_boxes(torch.tensor([[0.0, 0.0, 31.0, 31.0], [32.0, 32.0, 63.0, 63.0]]))
    clicks = sam.embed_points(torch.tensor([[10.0, 10.0], [50.0, 50.0]]))
    assert boxes.shape == clicks.shape == (2, 2, 16)
    assert not torch.allclose(boxes[0], boxes[1])
    assert torch.equal(clicks[0, 1], clicks[1, 1]), "the second says that there is no other click"
    features = sam.encode_images(torch.randn(3, 3, 64, 64))
    masks, scores = sam.decode_prompts(features, torch.tensor([0, 2]), boxes)
    assert masks.shape == (2, 16, 16)
    assert scores.shape == (2,)


def test_small_pictures_are_encoded_together(made):
    sam = made[0].sam
    pixels = torch.randn(3, 3, 64, 64)
    each = torch.cat([sam.encode_images(one[None]) for one in pixels])
    assert torch.allclose(sam.encode_images(pixels), each, atol=1e-5)
