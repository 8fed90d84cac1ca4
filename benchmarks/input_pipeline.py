"""What one sequence for a picture and masks made by workers bring in LISA's training, in one run.

"The original way" is LISA's as released, written in a few lines on our own modules: a sequence for every
conversation, CLIP run on a copy of the picture for every conversation, SAM's input normalised and masks
rasterised at full size in float32. Both ways learn from the same samples and must give the same loss, which
is asserted. The model is random, of a medium size; weights do not change what a step costs.

    python benchmarks/input_pipeline.py --pictures 8 --threads 2
    python benchmarks/input_pipeline.py --model path/to/LISA-7B --device cuda --dtype bfloat16
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import CLIPVisionConfig, LlamaConfig

import segue
from segue.checkpoints.sam_layout import SamDimensions
from segue.data.family_collation import FamilySample, LisaCollator, write_answer
from segue.data.native import Record, decode_mask
from segue.data.templates import make_dialogue
from segue.lisa_processing import LisaProcessor
from segue.llama_tokenizer import LlamaTokenizer
from segue.modeling.lisa import LisaModel
from segue.modeling.lisa_configuration import LisaConfig
from segue.scenes import make_scene
from segue.training.family_objectives import LisaObjective

TOKENIZER = Path(__file__).parents[1] / "tests" / "golden" / "lisa"
TRAINED = ("q_proj", "v_proj", "lm_head", "embed_tokens", "mask_decoder", "text_hidden_fcs")
Drawn = tuple[np.ndarray, Record]


def medium_model() -> tuple[LisaModel, LisaProcessor]:
    """256 image tokens of CLIP at 224 and SAM's sizes of pictures, as published; narrow and shallow, and in
    7B's proportions: the language model takes most of a step, SAM's encoder about a tenth."""
    tokenizer = LlamaTokenizer.read(TOKENIZER)
    sam = SamDimensions(
        image_size=1024, patch_size=16, embed_dim=96, depth=2, num_heads=2, mlp_ratio=4.0,
        global_attn_indexes=(), window_size=14, out_chans=64, mask_in_chans=16, decoder_depth=2,
        decoder_mlp_dim=256, iou_head_depth=3, iou_head_hidden_dim=64, decoder_num_heads=4,
    )  # fmt: skip
    config = LisaConfig(
        clip_config=CLIPVisionConfig(
            hidden_size=384, intermediate_size=1536, num_hidden_layers=8, num_attention_heads=6,
            image_size=224, patch_size=14,
        ),
        text_config=LlamaConfig(
            hidden_size=512, intermediate_size=1376, num_hidden_layers=8, num_attention_heads=8,
            vocab_size=len(tokenizer), tie_word_embeddings=False,
        ),
        sam_config=sam.to_config(),
    )  # fmt: skip
    torch.manual_seed(0)
    return LisaModel(config), LisaProcessor(config, tokenizer)


def draw(count: int) -> list[Drawn]:
    """Scenes with three questions each, in LISA's words."""
    drawn: list[Drawn] = []
    seed = 0
    while len(drawn) < count:
        image, scene = make_scene(seed, size=(640, 480), num_objects=(4, 8), num_turns=0)
        record = make_dialogue(scene, np.random.default_rng(seed), family="lisa", kind="semantic")
        if len(record.dialogue) == 3:
            drawn.append((image, record))
        seed += 1
    return drawn


class OriginalWay:
    """LISA's input and step as released. What both ways need alike is taken from our samples, untimed."""

    name = "original"

    def __init__(self, collator: LisaCollator, objective: LisaObjective, samples: list[FamilySample]):
        self.collator, self.objective, self.samples = collator, objective, samples

    def worker(self, drawn: Drawn) -> torch.Tensor:
        """Texts, and both views as float32."""
        image, record = drawn
        processor = self.collator.processor
        for turn in record.dialogue:
            answer = write_answer(turn, present="[SEG]", absent=None)
            processor.encode_conversation(processor.render([(turn.question, answer)]))
        return processor.pixels([Image.fromarray(image)])[0].sam

    def main_process(self, encoded: list[torch.Tensor], drawn: list[Drawn]) -> dict[str, torch.Tensor]:
        """A row and a copy of CLIP's view for every conversation, and the masks."""
        batch = self.collator.collate(self.samples)
        torch.stack(encoded)
        batch["copies"] = batch["clip_pixels"][batch["row_images"]]
        for _, record in drawn:
            objects = {entry.id: entry for entry in record.objects}
            masks = []
            for turn in record.dialogue:
                union = np.zeros((record.height, record.width), bool)
                for number in turn.phrases[0].ids:
                    union |= decode_mask(objects[number].segmentation, *union.shape)
                masks.append(union)
            torch.from_numpy(np.stack(masks)).float()
        return batch

    def loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """The released model runs CLIP on every copy; all but one copy's features are worth nothing."""
        batch = dict(batch)
        extra = batch.pop("copies")[len(batch["clip_pixels"]) :]
        with torch.no_grad():
            self.objective.model.encode_for_language(extra.to(self.objective.model.dtype))
        return self.objective(**batch).total


class OurWay:
    """One sequence for a picture; all that is costly is done by workers, or once."""

    name = "segue"

    def __init__(self, collator: LisaCollator, objective: LisaObjective):
        self.collator, self.objective = collator, objective

    def worker(self, drawn: Drawn) -> FamilySample:
        """Everything of a sample."""
        return self.collator.encode(*drawn, np.random.default_rng(0))

    def main_process(self, encoded: list[Any], drawn: list[Drawn]) -> dict[str, torch.Tensor]:
        """Joined."""
        return self.collator.collate(encoded)

    def loss(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        """The objective as the trainer calls it."""
        return self.objective(**batch).total


def compare(
    model: LisaModel, processor: LisaProcessor, drawn: list[Drawn], *, repeats: int = 3
) -> dict[str, dict[str, float]]:
    """Seconds of the fastest repeat of each way, for the `drawn` samples: what workers do, what the main
    process does, and a training step.

    Raises:
        AssertionError: the two ways' losses differ.
    """
    model.requires_grad_(False)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(any(part in name for part in TRAINED))
    objective = LisaObjective(model.train(), vocabulary=processor.vocabulary)
    ours = OurWay(LisaCollator(processor), objective)
    samples = [ours.worker(one) for one in drawn]
    ways = [OriginalWay(LisaCollator(processor, mode="separate"), objective, samples), ours]
    seconds = {way.name: dict.fromkeys(("workers", "main", "step"), float("inf")) for way in ways}
    losses: dict[str, float] = {}
    for _ in range(repeats):  # in turn, so that whatever else the machine does meets both
        for way in ways:
            measured = seconds[way.name]
            encoded = _timed(measured, "workers", lambda way=way: [way.worker(one) for one in drawn], model)
            batch = _timed(measured, "main", lambda way=way, e=encoded: way.main_process(e, drawn), model)
            here = {name: value.to(model.device) for name, value in batch.items()}
            losses[way.name] = _timed(
                measured, "step", lambda way=way, b=here: _step(way, b, objective), model
            )
    tolerance = 1e-4 if model.dtype == torch.float32 else 2e-2
    assert abs(losses["original"] - losses["segue"]) <= tolerance * losses["original"], losses
    return seconds


def _step(way: Any, batch: dict[str, torch.Tensor], objective: torch.nn.Module) -> float:
    objective.zero_grad()
    loss = way.loss(batch)
    loss.backward()
    return loss.item()


def _timed(seconds: dict[str, float], name: str, work: Callable[[], Any], model: LisaModel) -> Any:
    """On the CPU the processor's time counts, which other work on the machine changes less."""
    clock = time.process_time
    if model.device.type == "cuda":
        clock = time.perf_counter
        torch.cuda.synchronize()
    start = clock()
    result = work()
    if model.device.type == "cuda":
        torch.cuda.synchronize()
    seconds[name] = min(seconds[name], clock() - start)
    return result


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="a LISA that segue.load takes; default: a random one of medium size")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--pictures", type=int, default=4, help="of a batch, with three questions each")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.model:
        predictor = segue.load(options.model, device=options.device, dtype=options.dtype)
        model, processor = predictor.model, predictor.processor
    else:
        model, processor = medium_model()
        model.to(options.device, getattr(torch, options.dtype))
    drawn = draw(options.pictures)
    seconds = compare(model, processor, drawn, repeats=options.repeats)
    if options.json:
        print(json.dumps(seconds, indent=1))
        return
    original, ours = seconds["original"], seconds["segue"]
    print(f"{len(drawn)} pictures with 3 questions each; samples per second")
    print(f"{'':28}{'original':>10}{'segue':>10}{'RATIO':>8}")
    rows = {
        "input: workers": ("workers",),
        "input: main process": ("main",),
        "input: all of it": ("workers", "main"),
        "training step": ("step",),
        "all, in one process": ("workers", "main", "step"),
    }
    for name, parts in rows.items():
        before, after = (sum(way[part] for part in parts) for way in (original, ours))
        print(f"{name:28}{len(drawn) / before:10.2f}{len(drawn) / after:10.2f}{before / after:7.1f}x")


if __name__ == "__main__":
    main()
