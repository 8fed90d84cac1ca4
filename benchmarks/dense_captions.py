"""Dense captions of one picture: seen once, all its boxes in one batch, against one full pass for each box.

Both ways must say the same captions, which is asserted. The pass for each box is the package's own, cached
decoding included; what it lacks is what the PixelLLM family's features are made for: the picture is encoded
anew, and boxes wait for each other.

    python benchmarks/dense_captions.py --boxes 50 --threads 1

Without `--model` a random PixelLLM of middling size stands in (`--side`, `--layers`): senseless captions at
the same cost. Boxes are drawn at random, so that their number is the same for every model.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from segue.modeling.pixelllm import PixelLLM
from segue.modeling.pixelllm_configuration import PixelLLMConfig

LENGTH = 16
VOCABULARY = 2000


@dataclass(frozen=True)
class Measurement:
    """One way of captioning all boxes."""

    name: str
    seconds: float
    num_boxes: int


@torch.no_grad()
def compare(
    model: PixelLLM,
    pixels: Tensor,
    boxes_N4: Tensor,
    context_M: Tensor,
    *,
    length: int = LENGTH,
    repeats: int = 2,
) -> list[Measurement]:
    """One pass for each box first, then all together. The fastest of `repeats` counts.

    Raises:
        AssertionError: the two gave different captions.
    """
    mask = torch.ones_like(pixels[:, 0])

    def one_by_one() -> Tensor:
        texts = []
        for box in boxes_N4:
            features = model.encode_images(pixels, mask)
            texts.append(model.caption(features, box[None, None], context_M[None, None], length=length).texts)
        return torch.cat(texts, dim=1)

    def together() -> Tensor:
        features = model.encode_images(pixels, mask)
        context = context_M.expand(1, len(boxes_N4), -1)
        return model.caption(features, boxes_N4[None], context, length=length).texts

    ways = {"one pass for each box": one_by_one, "seen once, in one batch": together}
    fastest = dict.fromkeys(ways, float("inf"))
    said: dict[str, Tensor] = {}
    together()  # warm up
    for _ in range(repeats):  # in turn, so that whatever else the machine does meets both
        for name, way in ways.items():
            start = time.perf_counter()
            said[name] = way()
            fastest[name] = min(fastest[name], time.perf_counter() - start)
    first, second = said.values()
    assert torch.equal(first, second), "the two ways say different captions"
    return [Measurement(name, seconds, len(boxes_N4)) for name, seconds in fastest.items()]


def random_model(*, side: int, layers: int, width: int = 256) -> PixelLLM:
    """A PixelLLM that has learned nothing, both encoders and the BERT-style decoder of `layers` layers."""
    heads = width // 64
    sections: dict[str, Any] = {
        "image_size": side,
        "eva_config": {"image_size": side, "pretrain_image_size": side, "patch_size": 14,
                       "hidden_size": width, "num_layers": layers, "num_heads": heads,
                       "swiglu_hidden": width * 8 // 3},
        "sam_config": {"image_size": side, "hidden_size": width, "num_hidden_layers": layers,
                       "num_attention_heads": heads, "mlp_dim": width * 4, "window_size": 7,
                       "global_attn_indexes": [layers - 1], "output_channels": width // 2},
        "prompt_size": width // 2,
        "extractor_config": {"num_layers": 2, "hidden_size": width // 2, "num_heads": heads,
                             "mlp_size": width, "num_output_tokens": 16, "output_size": width},
        "text_config": {"model_type": "segue_prefix_decoder", "vocab_size": VOCABULARY, "hidden_size": width,
                        "num_heads": heads, "num_layers": layers // 2, "max_positions": 64},
        "lora_rank": 0, "bos_token_id": 2, "max_text_length": LENGTH,
    }  # fmt: skip
    torch.manual_seed(0)
    model = PixelLLM(PixelLLMConfig(**sections)).eval()
    with torch.no_grad():
        model.captioner.lm_head.weight.mul_(30)  # else many words are as likely as each other
    return model


def random_boxes(count: int, side: int) -> Tensor:
    """(count, 4) xyxy, always the same."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 0.7, (count, 2)) * side
    sizes = rng.uniform(0.1, 0.3, (count, 2)) * side
    return torch.from_numpy(np.concatenate([corners, corners + sizes], axis=1)).float()


def picture(side: int) -> Tensor:
    """(1, 3, side, side): a scene made in code."""
    from segue.scenes import make_scene

    image, _ = make_scene(1_000_000, num_turns=1)
    resized = np.array(Image.fromarray(image).resize((side, side)))
    return torch.from_numpy(resized).permute(2, 0, 1)[None].float()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", help="as for segue.load, of the PixelLLM family; a random one if left out")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--boxes", type=int, default=50)
    parser.add_argument("--side", type=int, default=224, help="of the random model's input")
    parser.add_argument("--layers", type=int, default=8, help="of the random model's encoders")
    parser.add_argument("--repeats", type=int, default=2, help="the fastest of so many runs counts")
    parser.add_argument("--threads", type=int, help="of torch, on the CPU")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.model:
        import segue

        predictor: Any = segue.load(options.model, device=options.device)
        model, name = predictor.model, predictor.name
        context = torch.tensor(predictor.text.context(model.config.region_prompt))
    else:
        model, name = random_model(side=options.side, layers=options.layers).to(options.device), "random"
        context = torch.tensor([5, 6, 7, 8, 1, 0, 0, 0])
    side = model.config.image_size
    results = compare(
        model,
        picture(side).to(options.device),
        random_boxes(options.boxes, side).to(options.device),
        context.to(options.device),
        length=min(LENGTH, model.config.max_text_length),
        repeats=options.repeats,
    )
    rows = [
        {
            "way": r.name,
            "seconds": round(r.seconds, 3),
            "boxes_per_second": round(r.num_boxes / r.seconds, 2),
            "ratio": round(results[0].seconds / r.seconds, 2),
        }
        for r in results
    ]
    if options.json:
        print(json.dumps({"model": name, "boxes": options.boxes, "ways": rows}))
        return
    print(f"{name}: {options.boxes} boxes, input {side}, {torch.get_num_threads()} threads")
    print(f"{'':24} {'seconds':>8} {'boxes/s':>8} {'RATIO':>7}")
    for row in rows:
        way, seconds, rate, ratio = row.values()
        print(f"{way:24} {seconds:8.2f} {rate:8.1f} {ratio:6.1f}x")


if __name__ == "__main__":
    main()
