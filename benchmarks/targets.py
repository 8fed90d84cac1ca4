"""PixelLM's answers with 1, 3 and 10 targets against one-by-one emission without cache; what a target costs.

Answers: the baseline, a few lines on our own modules, runs the whole sequence again for every token, those of
a mask group included, and decodes masks one by one with plain attention. Ours is `ask`: a group goes in as
one step, all targets are decoded together. The ids must be equal and the masks agree, which is asserted. The
model is random, in 7B's proportions with the published decoder, and made to say some words and a mask group
again and again.

Decoder: at the published size (from CLIP's features at 448 pixels to masks, language model width 4,096), the
work that a picture's targets share, and seconds and operations for 1, 3, 10 and 30 targets on top.

    python benchmarks/targets.py --threads 1
    python benchmarks/targets.py --size 7b --device cuda --dtype bfloat16

On the CPU seconds are those of the processor, else of the clock.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import torch
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode
from transformers import CLIPVisionConfig, LlamaConfig
from transformers.initialization import no_init_weights

from answers import FIRST_WORD, LEAST_AGREEMENT, TOKENIZER, Said, Watch, agree
from segue.llama_tokenizer import LlamaTokenizer
from segue.mask_tokens import MaskVocabulary
from segue.modeling.pixellm import PixelLMModel
from segue.modeling.pixellm_configuration import PixelLMConfig
from segue.modeling.pixellm_decoder import PixelLMDecoder
from segue.modeling.two_way_attention import Attention
from segue.pixellm_processing import PixelLMProcessor
from segue.predictor import Predictor
from segue.query import Query
from segue.scenes import make_scene

WORDS = 6
"""Before each mask group."""
QUESTION = "Please name and segment everything on the table."
SIZES: dict[str, tuple[tuple[int, int], tuple[int, int, int]]] = {
    "tiny": ((64, 2), (128, 344, 2)),
    "small": ((192, 4), (512, 1376, 4)),
    "medium": ((320, 6), (1024, 2752, 7)),
    "7b": ((1024, 24), (4096, 11008, 32)),
}
"""CLIP's width and blocks; LLaMA's width, inner width and blocks."""


# -- answers ---------------------------------------------------------------------


def random_predictor(size: str, *, device: str, dtype: torch.dtype) -> Predictor:
    """A PixelLM that has learned nothing: words, a group, words, a group, ... as long as it may speak."""
    (clip, clip_layers), (width, inner, layers) = SIZES[size]
    config = PixelLMConfig(
        vision_config=CLIPVisionConfig(
            hidden_size=clip, intermediate_size=4 * clip, num_hidden_layers=clip_layers,
            num_attention_heads=clip // 64, image_size=224, patch_size=14,
        ),
        text_config=LlamaConfig(
            hidden_size=width, intermediate_size=inner, num_hidden_layers=layers,
            num_attention_heads=width // 64, num_key_value_heads=width // 64, vocab_size=600,
            tie_word_embeddings=False,
        ),
        feature_layers=(-2, -clip_layers // 2 - 1),
        fusion="constant",
        scale_weights="constant",
    )  # fmt: skip
    torch.manual_seed(0)
    with torch.device(device), no_init_weights():
        model = PixelLMModel(config).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            parameter.normal_(std=0.02)
        else:
            parameter.fill_(1.0 if name.endswith("weight") else 0.0)
    base = LlamaTokenizer.read(TOKENIZER)
    names = MaskVocabulary.token_names(scales=config.scales, tokens_per_scale=config.tokens_per_scale)
    added = base.added | {name: len(base) + number for number, name in enumerate(names)}
    processor = PixelLMProcessor(
        config, LlamaTokenizer(base.pieces, added=added, strips=[*base.strips, *names])
    )
    # The state at a token is mostly its embedding; whoever follows it has this as its row of the head.
    embeddings = model.language_model.get_input_embeddings().weight.normal_()
    head = model.language_model.lm_head.weight.zero_()
    sentence = [*range(FIRST_WORD, FIRST_WORD + WORDS), *processor.vocabulary.group]
    for before, after in zip(sentence, [*sentence[1:], sentence[0]], strict=True):
        head[after] = embeddings[before]
    head[sentence[0]] += embeddings[processor.question_ids(QUESTION)[-1]]
    return Predictor(model.to(dtype), processor, name=f"random PixelLM, {size}")


@contextmanager
def plain_attention() -> Any:
    """Cells are projected whole, whatever the number of tokens: the usual order of the products."""
    with patch.object(Attention, "_tokens_first", lambda self, count: False):
        yield


@torch.no_grad()
def one_by_one(predictor: Predictor, image: Any, length: int) -> Said:
    """Every token a pass over the whole sequence, every mask a pass through the decoder."""
    model, processor = predictor.model, predictor.processor
    group = processor.vocabulary.group
    pixels, (geometry,) = processor.pixels([image])
    features = model.encode_images(pixels.to(model.device))
    asked = processor.prefix_ids + processor.question_ids(QUESTION)
    said: list[int] = []
    while True:
        ids = torch.tensor([asked + said], device=model.device)
        readable = model.place_token_mask(ids, features.token_mask)
        states = model(ids, features.tokens, attention_mask=readable)[0]
        if len(said) == length:
            break
        said.append(int(model.lm_head(states[-1]).argmax()))
    starts = [n for n in range(length) if tuple(said[n : n + len(group)]) == group]
    masks = []
    zero = torch.zeros(1, dtype=torch.long, device=model.device)
    for start in starts:
        first = len(asked) + start - 1
        with plain_attention():
            low = model.decode_masks(features, zero, states[None, first : first + len(group)])
        masks.append((geometry.masks_to_original(low)[0] > 0).cpu().numpy())
    return Said(said, masks)


def ask(predictor: Predictor, image: Any, length: int) -> Said:
    """`Predictor.ask`."""
    (reply,) = predictor.reply([Query(image, QUESTION, max_new_tokens=length)])
    return Said(list(reply.ids), [s.mask for s in reply.answer.segments if s.mask is not None])


def compare_answers(predictor: Predictor, counts: Sequence[int]) -> list[dict[str, Any]]:
    """Both ways for each number of targets.

    Raises:
        AssertionError: they say different things.
    """
    image = Image.fromarray(make_scene(0, size=(640, 480))[0])
    ask(predictor, image, WORDS + len(predictor.processor.vocabulary.group))  # warm up
    rows = []
    for count in counts:
        length = count * (WORDS + len(predictor.processor.vocabulary.group))
        said: dict[str, Said] = {}
        seconds: dict[str, float] = {}
        for name, way in (("one by one", one_by_one), ("ask", ask)):
            with Watch(predictor.model.device) as watch:
                said[name] = way(predictor, image, length)
            seconds[name] = watch.seconds
        first, second = said.values()
        assert first.ids == second.ids, f"{count} targets: other ids"
        assert len(first.masks) == count, f"{len(first.masks)} masks, not {count}"
        agreement, least = agree([first], [second]), LEAST_AGREEMENT[predictor.model.dtype]
        assert agreement >= least, f"masks agree on {agreement:.4f} of the pixels, less than {least}"
        for name, taken in seconds.items():
            row = {"targets": count, "way": name, "seconds": round(taken, 3)}
            rows.append(row | {"ratio": round(seconds["one by one"] / taken, 2)})
    return rows


# -- the decoder -----------------------------------------------------------------


@torch.no_grad()
def measure_decoder(
    counts: Sequence[int], *, device: str, dtype: torch.dtype, repeats: int
) -> dict[str, Any]:
    """What the targets of a picture share, and what some of them cost beyond that, at published size.

    The feature projector (CLIP's 1,024 to LLaMA's 4,096 by way of 8,192) serves masks alone and is shared.
    """
    config = PixelLMConfig()
    torch.manual_seed(0)
    C, H = 1024, 4096
    with torch.device(device):
        projector = torch.nn.Sequential(
            torch.nn.Linear(C, 2 * H), torch.nn.GELU(), torch.nn.Linear(2 * H, H)
        ).to(dtype)
        decoder = PixelLMDecoder(config, feature_width=H).eval().to(dtype)
        seen = [torch.randn(1, 32, 32, C, dtype=dtype) for _ in range(config.scales)]

    def share() -> tuple[torch.Tensor, ...]:
        return decoder.prepare(tuple(projector(one).permute(0, 3, 1, 2) for one in seen))

    def decode(count: int) -> torch.Tensor:
        index = torch.zeros(count, dtype=torch.long, device=device)
        return decoder(maps, index, tokens[:count])

    maps = share()
    tokens = torch.randn(max(counts), config.scales, config.decoder_width, device=device, dtype=dtype)
    rows = []
    for attention in ("plain", "tokens first"):
        with plain_attention() if attention == "plain" else nullcontext():
            decode(1)
            for count in counts:
                seconds = min(_seconds(lambda count=count: decode(count), device) for _ in range(repeats))
                row = {"attention": attention, "targets": count, "seconds": round(seconds, 4)}
                rows.append(row | {"gflop": round(_flops(lambda count=count: decode(count)) / 1e9, 2)})
    shared = min(_seconds(share, device) for _ in range(repeats))
    return {"shared_seconds": round(shared, 4), "shared_gflop": round(_flops(share) / 1e9, 1), "rows": rows}


def _seconds(run: Any, device: str) -> float:
    with Watch(torch.device(device)) as watch:
        run()
    return watch.seconds


def _flops(run: Any) -> int:
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


# -- the command line ------------------------------------------------------------


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=list(SIZES), default="small", help="of the random model")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--targets", type=int, nargs="+", default=[1, 3, 10], help="of the answers")
    parser.add_argument("--decoder", type=int, nargs="+", default=[1, 3, 10, 30], help="of the decoder alone")
    parser.add_argument("--repeats", type=int, default=3, help="of the decoder; the fastest counts")
    parser.add_argument("--threads", type=int, help="of torch, on the CPU")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    dtype = getattr(torch, options.dtype)

    decoder = measure_decoder(
        sorted({1, *options.decoder}), device=options.device, dtype=dtype, repeats=options.repeats
    )
    predictor = random_predictor(options.size, device=options.device, dtype=dtype)
    answers = compare_answers(predictor, options.targets)
    if options.json:
        print(json.dumps({"model": predictor.name, "answers": answers, "decoder": decoder}))
        return
    print(
        f"{predictor.name}; {WORDS} words and a group of {len(predictor.processor.vocabulary.group)} a target"
    )
    print(f"{'targets':>8s}  {'':12s} {'seconds':>8s} {'RATIO':>7s}")
    for row in answers:
        print(f"{row['targets']:8d}  {row['way']:12s} {row['seconds']:8.2f} {row['ratio']:6.1f}x")
    shared = decoder["shared_seconds"]
    print(f"\nthe decoder at published size; shared by a picture's targets: {shared:.2f} s, ", end="")
    print(f"{decoder['shared_gflop']:.0f} GFLOP")
    print(f"{'targets':>8s}  {'attention':12s} {'seconds':>8s} {'GFLOP':>8s}", end="")
    print(f" {'to one':>8s} {'with shared':>12s}")
    for row in decoder["rows"]:
        one = next(r for r in decoder["rows"] if r["attention"] == row["attention"] and r["targets"] == 1)
        alone = row["seconds"] / one["seconds"]
        whole = (shared + row["seconds"]) / (shared + one["seconds"])
        print(
            f"{row['targets']:8d}  {row['attention']:12s} {row['seconds']:8.3f} {row['gflop']:8.1f} "
            f"{alone:7.1f}x {whole:11.2f}x"
        )


if __name__ == "__main__":
    main()
