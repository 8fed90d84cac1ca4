"""Write the trimmed golden numbers of LISA and GSVA from the full parity sets: python -m tests.golden.trim"""

from __future__ import annotations

import json
import lzma
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch

from segue.checkpoints.converted import write_converted
from segue.checkpoints.gsva_layout import read_gsva
from segue.checkpoints.llava_layout import read_lisa

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared" / "parity"
WEIGHTS = "model.safetensors"


def pack(data: bytes) -> bytes:
    """First bytes of all floats, then second ones, ...: exponents are alike and pack well."""
    planes = np.frombuffer(data + b" " * (-len(data) % 4), np.uint8).reshape(-1, 4).T
    return lzma.compress(planes.tobytes(), preset=9)


def unpack(data: bytes) -> bytes:
    planes = np.frombuffer(lzma.decompress(data), np.uint8).reshape(4, -1)
    return planes.T.tobytes()


def unpacked(name: str, folder: Path) -> Path:
    """The model of a trimmed set, written to `folder` as `segue.load` takes it."""
    for file in ("config.json", "segue_tokenizer.json", "tokenizer.model"):
        shutil.copy(HERE / name / file, folder / file)
    (folder / WEIGHTS).write_bytes(unpack((HERE / name / "weights.xz").read_bytes()))
    return folder


def write(name: str, model, processor, *, image: str, arrays: dict, facts: dict) -> None:
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        write_converted(model, processor, Path(made))
        (folder / "weights.xz").write_bytes(pack((Path(made) / WEIGHTS).read_bytes()))
        for file in ("config.json", "segue_tokenizer.json", "tokenizer.model"):
            shutil.copy(Path(made) / file, folder / file)
    shutil.copy(SHARED / name / "images" / f"{image}.png", folder / "image.png")
    np.savez_compressed(folder / "numbers.npz", **arrays)
    (folder / "facts.json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")


def trim_lisa() -> None:
    folder = SHARED / "lisa"
    golden, expected = np.load(folder / "expected.npz"), json.loads((folder / "expected.json").read_text())
    case = expected["cases"]["s1"]
    arrays = {
        "prompt_ids": golden["s1/input_ids"],
        "generated_ids": np.array(case["generated_ids"]),
        "step_logits": golden["s1/gen_step_logits"],
        "states": golden["s1/seg_last_hidden"],
        "embeddings": golden["s1/seg_embeddings"],
        "low_res": golden["s1/low_res_masks_stride2"][:, 0, ::2, ::2],
        "scores": golden["s1/iou_pred"][:, 0],
        "masks": np.packbits(golden["s1/binary_masks"] > 0, axis=-1),
        "clip_features": golden[f"{case['image']}/clip_features_stride"],
    }
    model, processor = read_lisa(folder / "checkpoint", dtype=torch.float32)
    write(
        "lisa",
        model,
        processor,
        image=case["image"],
        arrays=arrays,
        facts=_facts(expected, case, case["prompt"]),
    )


def trim_gsva() -> None:
    folder = SHARED / "gsva"
    golden, expected = np.load(folder / "expected.npz"), json.loads((folder / "expected.json").read_text())
    paths = json.loads((folder / "fixture.json").read_text())
    case = expected["cases"]["v1"]
    arrays = {
        "prompt_ids": golden["gen/v1/input_ids"],
        "generated_ids": np.array(expected["generation"]["v1"]["generated_ids"]),
        "step_logits": golden["gen/v1/step_logits"],
        "answer_ids": golden["v1/input_ids"],
        "states": golden["v1/plain/seg_last_hidden"],
        "embeddings": golden["v1/plain/seg_embeddings"],
        "low_res": golden["v1/plain/low_res_masks_stride2"][:, 0, ::2, ::2],
        "scores": golden["v1/plain/iou_pred"][:, 0],
        "masks": np.packbits(golden["v1/plain/binary_masks_ge0"] > 0, axis=-1),
        "reeval_states": golden["v1/reeval/seg_last_hidden"],
        "reeval_low_res": golden["v1/reeval/low_res_masks_stride2"][:, 0, ::2, ::2],
        "clip_features": golden[f"{case['image']}/clip_features_stride"],
    }
    model, processor = read_gsva(
        folder / paths["weight"],
        base=folder / paths["llava_dir"],
        vision_tower=folder / paths["clip_dir"],
        sam=folder / paths["sam_file"],
        lora_alpha=paths["lora_alpha"],
        dtype=torch.float32,
    )
    facts = _facts(expected, case, expected["generation"]["v1"]["prompt"])
    facts |= {"kinds": case["plain"]["pred_kinds"], "rej_id": expected["rej_token_idx"], "refs": case["refs"]}
    write("gsva", model, processor, image=case["image"], arrays=arrays, facts=facts)


def _facts(expected: dict, case: dict, prompt: str) -> dict:
    return {
        "prompt": prompt,
        "seg_id": expected["seg_token_idx"],
        "tokenization": expected["tokenization"],
        "sam_input_sha256": expected["images"][case["image"]]["sam_input_f32_sha256"],
    }


if __name__ == "__main__":
    trim_lisa()
    trim_gsva()
