"""`segue.load`: a saved model comes back the same; what is wrong with a checkpoint is said in one line."""

from __future__ import annotations

import json
import pickle
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

import segue
from segue.checkpoints import loading
from segue.checkpoints.pixelllm_folder import write_pixelllm
from segue.errors import CheckpointError
from segue.modeling.grounded import GroundedModel
from segue.modeling.pixelllm import PixelLLM
from tests.modeling.speaking import picture, speaking_predictor
from tests.modeling.tiny import tiny_model
from tests.modeling.tiny_pixelllm import tiny_pixelllm_config, tiny_tokenizer

QUESTION = "Where are the mug and the spoon?"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A whole checkpoint; tests change copies of it."""
    folder = tmp_path_factory.mktemp("checkpoint") / "speaker"
    predictor = speaking_predictor()
    predictor.model.save_pretrained(folder)
    predictor.processor.save_pretrained(folder)
    return folder


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "copy")


def change_config(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def change_weights(folder, change):
    path = folder / "model.safetensors"
    state = load_file(path)
    change(state)
    save_file(state, path)


# -- what is saved comes back --------------------------------------------------


def test_a_saved_model_answers_the_same(saved):
    again = segue.load(saved)
    assert again.name == "speaker"
    assert not again.model.training
    original = speaking_predictor().ask(picture(), QUESTION)
    answer = again.ask(picture(), QUESTION)
    assert answer.text == original.text
    assert answer.segments == original.segments
    assert answer.words == original.words


def test_every_tensor_comes_back(saved):
    model, original = segue.load(str(saved)).model, speaking_predictor().model
    for (name, mine), other in zip(model.state_dict().items(), original.state_dict().values(), strict=True):
        assert torch.equal(mine, other), name
    # What is not saved is made anew: normalisation and rotary frequencies.
    for (name, mine), other in zip(
        model.named_buffers(), dict(original.named_buffers()).values(), strict=True
    ):
        assert torch.equal(mine, other), name
    head, table = model.language_model.lm_head.weight, model.language_model.model.embed_tokens.weight
    assert head.data_ptr() == table.data_ptr()


def test_transformers_reads_it_too(saved):
    original = speaking_predictor().model
    model = GroundedModel.from_pretrained(saved)
    for name, buffer in original.named_buffers():
        assert torch.equal(dict(model.named_buffers())[name], buffer), name
    for name, value in original.state_dict().items():
        assert torch.equal(model.state_dict()[name], value), name


def test_an_untied_head_is_read_and_needed(tmp_path):
    model, processor = tiny_model(text_config={"tie_word_embeddings": False})
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    again = segue.load(tmp_path).model
    assert torch.equal(again.language_model.lm_head.weight, model.language_model.lm_head.weight)
    change_weights(tmp_path, lambda state: state.pop("language_model.lm_head.weight"))
    with pytest.raises(CheckpointError, match=r"1 missing \(language_model\.lm_head\.weight\)"):
        segue.load(tmp_path)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16", torch.bfloat16, "torch.float32"])
def test_every_precision_answers(saved, dtype):
    predictor = segue.load(saved, device="cpu", dtype=dtype)
    assert str(predictor.model.dtype).endswith(str(dtype).removeprefix("torch."))
    answer = predictor.ask(picture(), QUESTION)
    assert answer.text == "The red mug, the spoon; no cat."
    assert answer.segments[0].mask.shape == (40, 48)
    assert predictor.caption(picture(), box=(0, 0, 9, 8)).text == "The dog."
    score = predictor.score(picture(), QUESTION, answer)
    assert score.logits.dtype == score.mask_logits.dtype == torch.float32


def test_rotary_frequencies_stay_exact(saved):
    half = segue.load(saved, dtype="bfloat16").model.language_model.model.rotary_emb.inv_freq
    assert half.dtype == torch.float32
    assert torch.equal(half, speaking_predictor().model.language_model.model.rotary_emb.inv_freq)


def test_weights_stored_in_half_precision_are_read_in_float32(copy):
    change_weights(copy, lambda state: state.update({n: t.bfloat16() for n, t in state.items()}))
    assert segue.load(copy).model.dtype == torch.float32
    assert segue.load(copy).ask(picture(), QUESTION).text == "The red mug, the spoon; no cat."


# -- what is not there ---------------------------------------------------------


@pytest.mark.parametrize("name", ["segue/maxi", "", "no/such/folder", "x" * 5000, "a\0b", "owner/model"])
def test_an_unknown_name_lists_the_known_ones(name):
    with pytest.raises(CheckpointError, match=r"no such model; .*segue/mini"):
        segue.load(name)


@pytest.mark.parametrize("name", loading.PUBLISHED)
def test_a_published_name_says_which_family_it_is(name):
    with pytest.raises(CheckpointError, match=loading.PUBLISHED[name]):
        segue.load(name)


def test_an_embedded_model_without_its_weights(monkeypatch, tmp_path):
    empty = loading.EmbeddedModel("segue/mini", tmp_path / "mini", "")
    monkeypatch.setitem(loading.EMBEDDED, "segue/mini", empty)
    with pytest.raises(CheckpointError, match="segue train mini"):
        segue.load()


def test_an_embedded_model_goes_by_its_short_name_too(monkeypatch, tmp_path):
    config = tiny_pixelllm_config()
    tiny_tokenizer().save(str(tmp_path / "tokenizer.json"))
    write_pixelllm(PixelLLM(config), tmp_path / "tokenizer.json", tmp_path / "there")
    name = "segue/mini-pixelllm"
    monkeypatch.setitem(loading.EMBEDDED, name, loading.EmbeddedModel(name, tmp_path / "there", ""))
    monkeypatch.chdir(tmp_path)
    assert segue.load("mini-pixelllm", device="cpu").name == name
    assert segue.load(name, device="cpu").name == name
    (tmp_path / "mini-pixelllm").mkdir()  # a folder of one's own comes first
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        segue.load("mini-pixelllm")


def test_a_folder_that_is_no_checkpoint(tmp_path, saved):
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        segue.load(tmp_path)
    with pytest.raises(CheckpointError, match="give the folder"):
        segue.load(saved / "model.safetensors")


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_an_incomplete_folder(copy, name):
    (copy / name).unlink()
    with pytest.raises(CheckpointError, match=f"no {name}"):
        segue.load(copy)


# -- what is damaged -----------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000])
def test_a_config_that_is_no_json(copy, content):
    (copy / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match="not readable as JSON"):
        segue.load(copy)


@pytest.mark.parametrize("content", [[], 3, "text", {}, {"model_type": "llava"}, {"model_type": ["llava"]}])
def test_a_config_of_another_kind(copy, content):
    (copy / "config.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=r"model_type .*segue_grounded"):
        segue.load(copy)


@pytest.mark.parametrize(
    "changes",
    [
        {"vision_config": {"num_heads": 0}},
        {"vision_config": {"hidden_size": "wide"}},
        {"vision_config": {"feature_layers": [99]}},
        {"vision_config": 3},
        {"text_config": {"hidden_size": 30, "num_attention_heads": 4}},
        {"text_config": {"vocab_size": 10**14}},
        {"decoder_config": {"fusion": "guessed"}},
        {"decoder_config": {"num_heads": 7}},
        {"mask_token_config": {"scales": 0}},
        {"points_per_word": -1},
        {"template": "unknown"},
        {"surprise": {"deep": []}, "vision_config": None},
    ],
)
def test_a_config_that_no_weights_fit(copy, changes):
    change_config(copy, **changes)
    with pytest.raises(segue.SegueError) as caught:
        segue.load(copy)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("keep", [0, 4, 8, 500, 0.5, 0.99])
def test_weights_that_were_cut_off(copy, keep):
    path = copy / "model.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep) if isinstance(keep, float) else keep])
    with pytest.raises(CheckpointError, match=r"model\.safetensors: damaged or cut off"):
        segue.load(copy)


def test_weights_that_are_another_file(copy):
    (copy / "model.safetensors").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(10_000))
    with pytest.raises(CheckpointError, match="damaged"):
        segue.load(copy)


def test_missing_unexpected_and_misshaped_tensors_are_named(copy):
    def change(state):
        for name in ("projector.0.weight", "projector.0.bias", "projector.2.weight", "projector.2.bias"):
            del state[name]
        state["surprise.weight"] = torch.zeros(2)
        state["fusion.phi.bias"] = torch.zeros(3)

    change_weights(copy, change)
    with pytest.raises(CheckpointError) as caught:
        segue.load(copy)
    message = str(caught.value)
    assert "4 missing (projector.0.weight, projector.0.bias, projector.2.weight, ...)" in message
    assert "1 unexpected (surprise.weight)" in message
    assert "1 mis-shaped (fusion.phi.bias is (3,), should be (16,))" in message


def test_a_checkpoint_of_another_size(copy):
    change_config(copy, points_per_word=2)
    with pytest.raises(CheckpointError, match=r"2 mis-shaped \(point_head"):
        segue.load(copy)


def test_a_missing_word_table_is_not_taken_for_a_tied_one(copy):
    change_weights(copy, lambda state: state.pop("language_model.model.embed_tokens.weight"))
    with pytest.raises(CheckpointError, match="missing"):
        segue.load(copy)


def test_weights_that_are_no_numbers(copy):
    change_weights(copy, lambda state: state["projector.0.bias"].fill_(float("nan")))
    with pytest.raises(CheckpointError, match=r"NaN or infinity \(projector\.0\.bias\)"):
        segue.load(copy)


def test_a_tokenizer_with_more_entries_than_the_model(copy):
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    extra = {**tokenizer["added_tokens"][-1], "id": 320, "content": "<more>"}
    tokenizer["added_tokens"].append(extra)
    (copy / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(CheckpointError, match="321 entries, the model 320"):
        segue.load(copy)


# -- what would run code -------------------------------------------------------


class Bomb:
    def __reduce__(self):
        return (open, ("exploded", "w"))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "weights.pth"])
def test_pickled_weights_are_refused_and_never_opened(copy, name, monkeypatch):
    monkeypatch.chdir(copy)
    (copy / "model.safetensors").unlink()
    (copy / name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(CheckpointError, match=f"pickled .{name}."):
        segue.load(copy)
    # Nor when it bears the right name.
    (copy / name).rename(copy / "model.safetensors")
    with pytest.raises(CheckpointError, match="damaged"):
        segue.load(copy)
    assert not (copy / "exploded").exists()


def test_code_in_a_checkpoint_is_not_run(copy, monkeypatch):
    monkeypatch.chdir(copy)
    (copy / "modeling.py").write_text("open('exploded', 'w')")
    change_config(copy, auto_map={"AutoModel": "modeling.GroundedModel"})
    assert segue.load(copy).ask(picture(), "How many?").text == "Two."
    assert not (copy / "exploded").exists()


# -- where and how -------------------------------------------------------------


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "meta", "", "cpu:-2", 7.5])
def test_a_device_that_is_not_there(saved, device):
    with pytest.raises(CheckpointError, match="device"):
        segue.load(saved, device=device)


@pytest.mark.parametrize("dtype", ["float64", "int8", "half", "", torch.int8, 16])
def test_a_precision_that_is_not_offered(saved, dtype):
    with pytest.raises(CheckpointError, match="float32, bfloat16, float16"):
        segue.load(saved, dtype=dtype)


def test_a_torch_device_is_taken(saved):
    assert segue.load(saved, device=torch.device("cpu")).model.device.type == "cpu"


def test_a_sum_too_large_for_float32_is_no_fault(copy):
    """The sum of a tensor is looked at first, and says nothing where it overflows."""
    most = torch.finfo(torch.float32).max
    change_weights(copy, lambda state: state["projector.0.bias"].fill_(most))
    assert segue.load(copy).model.projector[0].bias.max() == most
