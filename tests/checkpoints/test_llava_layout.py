"""Published layouts of LISA and GSVA, written by the tests: what loads, what is said of what does not."""

from __future__ import annotations

import json
import pickle
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import segue
from segue.checkpoints.converted import write_converted
from segue.checkpoints.llava_layout import lisa_config, lisa_table, read_clip
from segue.checkpoints.lora import WRAPPER
from segue.checkpoints.names import NameTable
from segue.checkpoints.sam_layout import SAM_VIT_H, SamDimensions, sam_names
from segue.cli.main import main
from segue.errors import CheckpointError
from segue.modeling.lisa_configuration import LisaConfig
from tests.modeling.tiny_lisa import SAM, tiny_lisa

QUESTION = "is it the dog"
IMAGE = np.random.default_rng(3).integers(0, 255, (40, 60, 3), dtype=np.uint8)
DECODER_HEADS = {"decoder_num_heads": SAM.decoder_num_heads}


def published_state(model) -> dict[str, torch.Tensor]:
    table = lisa_table(SAM.iou_head_depth)
    state = {table.to_published(name): v.clone() for name, v in model.state_dict().items()}
    return {name: value for name, value in state.items() if "vision_tower" not in name}


def write_clip(model, folder) -> None:
    folder.mkdir()
    clip = model.config.clip_config
    (folder / "config.json").write_text(json.dumps({"vision_config": clip.to_dict()}))
    state = {
        name.replace("vision_tower.model.", "vision_model."): value
        for name, value in model.state_dict().items()
        if name.startswith("vision_tower.")
    }
    save_file(state, folder / "model.safetensors")


def write_config(model, folder) -> None:
    text = model.config.text_config.to_dict()
    keep = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "rms_norm_eps")
    raw = {name: text[name] for name in keep}
    (folder / "config.json").write_text(json.dumps({**raw, "model_type": "llava", "vision_tower": "clip"}))


@pytest.fixture
def published(tmp_path):
    """(folder, model): LISA in two pickled shards, CLIP beside it."""
    folder = tmp_path / "lisa"
    folder.mkdir()
    model, _ = tiny_lisa(folder)
    write_clip(model, tmp_path / "clip")
    write_config(model, folder)
    state = published_state(model)
    state["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.zeros(8)
    shards = {f"pytorch_model-0000{n}-of-00002.bin": dict(list(state.items())[n - 1 :: 2]) for n in (1, 2)}
    for name, shard in shards.items():
        torch.save(shard, folder / name)
    index = {"weight_map": {key: name for name, shard in shards.items() for key in shard}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    return folder, model


def same_weights(model, other) -> bool:
    state = other.state_dict()
    return all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_a_published_folder_loads_and_answers(published):
    folder, model = published
    loaded = segue.load(folder, device="cpu", sam_config=DECODER_HEADS)
    assert same_weights(model, loaded.model)
    assert loaded.processor.num_image_tokens == 4
    answer = loaded.ask(IMAGE, QUESTION, max_new_tokens=4)
    assert (answer.width, answer.height) == (60, 40)
    assert (
        loaded.ask_batch([(IMAGE, QUESTION), (IMAGE[:30], "the dog")], max_new_tokens=4)[0].text
        == answer.text
    )


def test_sam_dimensions_are_read_off_the_weights(published):
    state = published_state(published[1])
    sam = {n.removeprefix("model.visual_model."): v for n, v in state.items() if "visual_model" in n}
    assert SamDimensions.from_weights(sam, given=DECODER_HEADS) == SAM
    with pytest.raises(CheckpointError, match="no dimension 'depht'; there are image_size"):
        SamDimensions.from_weights(sam, given={"depht": 3})
    del sam["image_encoder.pos_embed"]
    with pytest.raises(CheckpointError, match=r"no SAM weight image_encoder\.pos_embed"):
        SamDimensions.from_weights(sam)


def test_sam_at_full_size_has_the_published_shapes():
    from segue.modeling.sam import Sam

    with torch.device("meta"):
        sam = Sam(SAM_VIT_H.to_config())
    table = NameTable(sam_names(SAM_VIT_H.iou_head_depth))
    shapes = {table.to_published(name): tuple(v.shape) for name, v in sam.state_dict().items()}
    assert shapes["image_encoder.pos_embed"] == (1, 64, 64, 1280)
    assert shapes["image_encoder.blocks.0.attn.rel_pos_h"] == (27, 80)
    assert shapes["image_encoder.blocks.31.attn.rel_pos_h"] == (127, 80)
    assert shapes["prompt_encoder.pe_layer.positional_encoding_gaussian_matrix"] == (2, 128)
    assert sum(np.prod(shape) for shape in shapes.values()) == pytest.approx(641e6, rel=1e-3)


def test_converted_is_the_same(published, tmp_path, capsys):
    folder, model = published
    sizes = tmp_path / "sizes.json"
    sizes.write_text(json.dumps({"sam": DECODER_HEADS}))
    out = tmp_path / "out"
    arguments = [str(folder), str(out), "--dtype", "float32", "--sam-config", str(sizes), "--json"]
    with pytest.raises(SystemExit, match="0"):
        main(["convert", *arguments])
    assert json.loads(capsys.readouterr().out)["files"] == sorted(p.name for p in out.iterdir())
    shutil.rmtree(tmp_path / "clip")  # it is inside now
    again = segue.load(out, device="cpu")
    assert same_weights(model, again.model)
    assert again.processor.tokenizer.strips == {"[SEG]", "<im_start>", "<im_end>"}
    with pytest.raises(SystemExit, match="2"):
        main(["convert", *arguments])  # not empty any more
    assert "not an empty folder" in capsys.readouterr().err


def test_template_and_image_marks_that_differ(published):
    folder, _ = published
    loaded = segue.load(folder, device="cpu", sam_config=DECODER_HEADS, template="llava_llama_2")
    assert "[INST]" in loaded.processor.template.opening
    with pytest.raises(segue.SegueError, match="no prompt template 'other'"):
        segue.load(folder, device="cpu", template="other")
    raw = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**raw, "mm_use_im_start_end": False}))
    with pytest.raises(CheckpointError, match="another model"):  # two tokens fewer than the weights have
        segue.load(folder, device="cpu")


@pytest.mark.parametrize("rejects", [False, True])
def test_the_configuration_says_what_the_folder_says(published, rejects):
    model = published[1]
    state = {"model.embed_tokens.weight": torch.zeros(40, 32)}
    clip = read_clip(published[0].parent / "clip")

    def made(raw: dict, **given: bool) -> LisaConfig:
        raw = {"hidden_size": 32, "num_attention_heads": 4, **raw}
        return lisa_config(raw, state, clip=clip, sam=SAM, rejects=rejects, template="llava_v1", **given)

    usual, other = made({}), made({"mm_vision_select_layer": -3, "mm_projector_type": "mlp2x_gelu"})
    assert (usual.vision_select_layer, usual.projector, usual.use_image_marks) == (-2, "linear", True)
    assert (other.vision_select_layer, other.projector) == (-3, "mlp2x_gelu")
    assert usual.clip_config.hidden_size == model.config.clip_config.hidden_size
    assert usual.text_config.vocab_size == 40
    without = made({}, image_marks=False)
    assert not without.use_image_marks
    assert without.new_tokens == (("[SEG]", "[REJ]") if rejects else ("[SEG]",))


def test_a_tower_saved_alone(published, tmp_path):
    clip = tmp_path / "clip" / "model.safetensors"
    save_file({n.removeprefix("vision_model."): v for n, v in load_file(clip).items()}, clip)
    assert same_weights(published[1], segue.load(published[0], device="cpu", sam_config=DECODER_HEADS).model)


def test_precision(published):
    half = segue.load(published[0], device="cpu", dtype="bfloat16", sam_config=DECODER_HEADS).model
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}
    assert half.language_model.model.rotary_emb.inv_freq.dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda state: state.pop("model.text_hidden_fcs.0.2.bias"),
            r"1 missing \(model\.text_hidden_fcs\.0\.2\.bias",
        ),
        (lambda state: state.update({"model.extra": torch.zeros(2)}), r"1 unexpected \(model\.extra\)"),
        (
            lambda state: state.update({"model.mm_projector.bias": torch.zeros(3)}),
            r"1 mis-shaped \(model\.mm_projector\.bias is \(3,\), should be \(32,\)\)",
        ),
        (lambda state: [state.pop(n) for n in list(state) if "visual_model" in n], "v0"),
        (lambda state: state.pop("model.embed_tokens.weight"), "no language model"),
    ],
)
def test_weights_that_do_not_fit(published, change, problem):
    folder, model = published
    state = published_state(model)
    change(state)
    for file in folder.glob("pytorch_model*"):
        file.unlink()
    torch.save(state, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=problem):
        segue.load(folder, device="cpu", sam_config=DECODER_HEADS)


def test_files_that_are_missing_or_dangerous(published, tmp_path):
    folder, _ = published
    with pytest.raises(CheckpointError, match="nowhere/tower"):
        segue.load(folder, vision_tower="nowhere/tower")
    first = next(folder.glob("*00001*"))
    first.write_bytes(pickle.dumps({"a": print}))
    with pytest.raises(CheckpointError, match="never run"):
        segue.load(folder)
    first.unlink()
    with pytest.raises(CheckpointError, match="missing"):
        segue.load(folder)


def test_a_tokenizer_of_another_model(published):
    folder, _ = published
    size = 3 + 256
    (folder / "added_tokens.json").write_text(json.dumps({"<other>": size + 500}))
    with pytest.raises(CheckpointError, match="another model"):
        segue.load(folder, device="cpu")


def test_only_the_name_in_the_config_is_looked_for_nearby(published, monkeypatch):
    folder, model = published
    asked = []

    def fetch(name, *, hint):
        asked.append(name)
        raise CheckpointError(f"{name}: nowhere; {hint}")

    monkeypatch.setattr("segue.checkpoints.llava_layout.fetch_folder", fetch)
    raw = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**raw, "vision_tower": "owner/clip"}))
    loaded = segue.load(folder, device="cpu", sam_config=DECODER_HEADS)  # the folder "clip" beside it
    assert same_weights(model, loaded.model)
    assert asked == []
    with pytest.raises(CheckpointError, match="other/clip: nowhere; give CLIP's folder by vision_tower="):
        segue.load(folder, device="cpu", sam_config=DECODER_HEADS, vision_tower="other/clip")
    assert asked == ["other/clip"]


def test_a_sam_that_is_given_goes_before_the_checkpoints_but_for_the_mask_decoder(published, tmp_path):
    folder, model = published
    table = NameTable(sam_names(SAM.iou_head_depth))
    own = {n.removeprefix("sam."): v for n, v in model.state_dict().items() if n.startswith("sam.")}
    other = {table.to_published(name): value + 1 for name, value in own.items()}
    torch.save(other, tmp_path / "sam.pth")
    loaded = segue.load(folder, device="cpu", sam_config=DECODER_HEADS, sam=tmp_path / "sam.pth").model
    for name, value in loaded.sam.state_dict().items():
        expected = own[name] if name.startswith("mask_decoder.") else own[name] + 1
        assert torch.equal(value, expected), name
    write_converted(model, tiny_lisa(tmp_path)[1], tmp_path / "out")
    with pytest.raises(CheckpointError, match="leave out vision_tower= and sam="):
        segue.load(tmp_path / "out", device="cpu", sam=tmp_path / "sam.pth")


# -- GSVA's unmerged file --------------------------------------------------------


@pytest.fixture
def released(tmp_path):
    """(file, LLaVA's folder, the model with LoRA merged)."""
    base = tmp_path / "llava"
    base.mkdir()
    model, _ = tiny_lisa(base, rejects=True)
    write_clip(model, tmp_path / "clip")
    write_config(model, base)
    state = published_state(model)
    old = {n: torch.full_like(v, 9.0) for n, v in state.items() if "visual_model" not in n}
    save_file(old, base / "model.safetensors")
    name = "model.layers.1.self_attn.q_proj"
    down, up = torch.randn(4, 32), torch.randn(32, 4)
    own = {WRAPPER + key: value for key, value in state.items()}
    own |= {f"{WRAPPER}{name}.lora_A.default.weight": down, f"{WRAPPER}{name}.lora_B.default.weight": up}
    torch.save(own, tmp_path / "gsva.bin")
    with torch.no_grad():
        model.language_model.model.layers[1].self_attn.q_proj.weight += 16 / 4 * up @ down
    return tmp_path / "gsva.bin", base, model


def test_lora_is_merged_and_the_file_goes_before_its_base(released, tmp_path):
    file, base, model = released
    loaded = segue.load(file, base=base, device="cpu", sam_config=DECODER_HEADS)
    assert loaded.name == "gsva"
    assert same_weights(model, loaded.model)
    write_converted(loaded.model, loaded.processor, tmp_path / "out")
    again = segue.load(tmp_path / "out", device="cpu")
    assert again.model.config.model_type == "segue_gsva"
    assert again.processor.vocabulary.reject is not None
    assert same_weights(model, again.model)


def test_another_lora_alpha(released):
    file, base, _ = released
    with torch.no_grad():
        own = torch.load(file, weights_only=True)
        name = f"{WRAPPER}model.layers.1.self_attn.q_proj"
        down, up = own[f"{name}.lora_A.default.weight"], own[f"{name}.lora_B.default.weight"]
        changed = own[f"{name}.weight"] + 8 / 4 * up @ down
    loaded = segue.load(file, base=base, device="cpu", sam_config=DECODER_HEADS, lora_alpha=8).model
    torch.testing.assert_close(loaded.language_model.model.layers[1].self_attn.q_proj.weight, changed)


def test_what_a_gsva_file_needs(released, tmp_path):
    file, base, _ = released
    with pytest.raises(CheckpointError, match="base="):
        segue.load(file)
    with pytest.raises(CheckpointError, match="no such file"):
        segue.load(tmp_path / "other.bin", base=base)
    state = torch.load(file, weights_only=True)
    torch.save({n: v for n, v in state.items() if "mm_projector" not in n}, file)
    with pytest.raises(CheckpointError, match="projector"):
        segue.load(file, base=base)
    torch.save({n: v for n, v in state.items() if "lora_B" not in n}, file)
    with pytest.raises(CheckpointError, match="lora_B"):
        segue.load(file, base=base)
