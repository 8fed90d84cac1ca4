"""LISA's answers per second against the original algorithm, in one run: one question, ten on one picture,
eight pictures in a batch.

"Original" is LISA's algorithm as its code runs it, in a few lines on our own modules: one question at a time,
the picture encoded anew for each (CLIP and SAM), no cache: for every token the whole sequence runs through
the language model again. (It also computes the vocabulary at every place; here only at the last.) Ours is
what users call: `ask`, `chat`, `ask_batch`. All ways must say the same ids, and their masks must agree, which
is asserted. The model is random, in 7B's proportions, made to say one sentence with one `[SEG]` and stop:
weights do not change what an answer costs, its length does (`--words`).

    python benchmarks/answers.py --threads 1
    python benchmarks/answers.py --size 7b --device cuda --dtype bfloat16
    python benchmarks/answers.py --model xinlai/LISA-7B-v1 --device cuda --dtype bfloat16

On the CPU seconds are those of the processor, so that other work on the machine counts less; elsewhere they
are the clock's.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import CLIPVisionConfig, LlamaConfig, SamConfig
from transformers.initialization import no_init_weights

import segue
from segue.lisa_processing import LisaProcessor
from segue.llama_tokenizer import LlamaTokenizer
from segue.modeling.lisa import LisaModel
from segue.modeling.lisa_configuration import LisaConfig
from segue.predictor import Predictor
from segue.query import Query
from segue.scenes import make_scene

TOKENIZER = Path(__file__).parents[1] / "tests" / "golden" / "lisa"
FIRST_WORD = 270
"""Ids of the small tokenizer from there on are pieces of words."""
LEAST_AGREEMENT = {torch.float32: 0.999, torch.bfloat16: 0.9, torch.float16: 0.97}
"""Share of a random mask's pixels that ways must agree on."""

Pair = tuple[Any, str]
"""A picture and a question about it."""


@dataclass(frozen=True)
class Said:
    """What a way made of one question: ids, and the masks at the picture's size."""

    ids: list[int]
    masks: list[np.ndarray]


@dataclass(frozen=True)
class Measurement:
    """One way of answering a case's questions; `peak` is memory beyond what was held before, in bytes.

    Of a case with many questions the original may have been asked some alone.
    """

    case: str
    way: str
    seconds: float
    num_answers: int
    peak: int | None
    agreement: float

    @property
    def answers_per_second(self) -> float:
        return self.num_answers / self.seconds


# -- the ways --------------------------------------------------------------------


@torch.no_grad()
def original(predictor: Predictor, pairs: Sequence[Pair], most: int) -> list[Said]:
    """Everything anew for every question, and the whole sequence for every token."""
    model, processor = predictor.model, predictor.processor
    said = []
    for image, question in pairs:
        pixels, (geometry,) = processor.pixels([image])
        features = model.encode_images(pixels.to(model.device))
        asked = processor.prefix_ids + processor.question_ids(question)
        ids: list[int] = []
        while True:
            states = model(torch.tensor([asked + ids], device=model.device), features.tokens)[0]
            choice = int(model.lm_head(states[-1]).argmax())
            if choice == processor.stop_id or len(ids) == most:
                break
            ids.append(choice)
        found = [len(asked) + n - 1 for n, token in enumerate(ids) if token == processor.vocabulary.group[0]]
        places = torch.zeros(len(found), dtype=torch.long, device=model.device)
        low = model.decode_masks(features, places, states[found][:, None])
        masks = geometry.masks_to_original(low) > 0
        said.append(Said(ids, list(masks.cpu().numpy())))
    return said


def ask(predictor: Predictor, pairs: Sequence[Pair], most: int) -> list[Said]:
    """`ask`, for each question."""
    return [one for pair in pairs for one in ask_batch(predictor, [pair], most)]


def chat(predictor: Predictor, pairs: Sequence[Pair], most: int) -> list[Said]:
    """`chat`: the one picture encoded once, questions one after the other."""
    seen = predictor.encode(pairs[0][0])
    return ask(predictor, [(seen, question) for _, question in pairs], most)


def ask_batch(predictor: Predictor, pairs: Sequence[Pair], most: int) -> list[Said]:
    """`ask_batch`: all together, equal pictures encoded once."""
    replies = predictor.reply([Query(*pair, max_new_tokens=most) for pair in pairs])
    answers = [(list(reply.ids), reply.answer) for reply in replies]
    return [Said(ids, [s.mask for s in answer.segments if s.mask is not None]) for ids, answer in answers]


Way = Callable[[Predictor, Sequence[Pair], int], list[Said]]


def cases(num_questions: int, num_pictures: int) -> dict[str, tuple[list[Pair], dict[str, Way]]]:
    """What is asked, and how it can be answered."""
    pictures = [Image.fromarray(make_scene(seed, size=(640, 480))[0]) for seed in range(num_pictures)]
    questions = [f"Where is the thing number {number}?" for number in range(num_questions)]
    several = [(picture, "What in this image could cut bread?") for picture in pictures]
    return {
        "one question": (several[:1], {"original": original, "ask": ask}),
        f"{num_questions} on one picture": (
            [(pictures[0], question) for question in questions],
            {"original": original, "chat, one by one": chat, "ask_batch": ask_batch},
        ),
        f"{num_pictures} pictures": (several, {"original": original, "ask_batch": ask_batch}),
    }


def compare(
    predictor: Predictor,
    pairs: Sequence[Pair],
    ways: dict[str, Way],
    *,
    case: str,
    most: int,
    repeats: int,
    sample: int | None = None,
) -> list[Measurement]:
    """The original first; of the repeats the fastest counts.

    Args:
        most: tokens of an answer.
        sample: the original is asked the first so many alone: it does everything anew for each, so that its
            answers per second are those of all. None: all.

    Raises:
        AssertionError: a way gave other ids, or other masks.
    """
    results: list[Measurement] = []
    reference: list[Said] = []
    for name, way in ways.items():
        own = pairs[:sample] if way is original else pairs
        fastest, peak = float("inf"), None
        for _ in range(repeats):
            with Watch(predictor.model.device) as watch:
                said = way(predictor, own, most)
            fastest, peak = min(fastest, watch.seconds), watch.peak
        reference = reference or said
        common = said[: len(reference)]
        agreement = agree(reference, common)
        assert [one.ids for one in common] == [one.ids for one in reference], f"{name} says other ids"
        least = LEAST_AGREEMENT[predictor.model.dtype]
        assert agreement >= least, f"{name}: masks agree on {agreement:.4f} of the pixels, less than {least}"
        results.append(Measurement(case, name, fastest, len(own), peak, agreement))
    return results


def agree(first: Sequence[Said], second: Sequence[Said]) -> float:
    """Share of equal pixels over all masks; 0 where one way has more of them, 1 where there are none."""
    equal = total = 0
    for one, other in zip(first, second, strict=True):
        if len(one.masks) != len(other.masks):
            return 0.0
        for a, b in zip(one.masks, other.masks, strict=True):
            equal, total = equal + int((a == b).sum()), total + a.size
    return equal / total if total else 1.0


class Watch:
    """Seconds (of the processor on the CPU, else of the clock) and peak memory of what runs inside."""

    def __init__(self, device: torch.device):
        self.device = device
        self.seconds = 0.0
        self.peak: int | None = None

    def __enter__(self) -> Watch:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
            self._before: int | None = torch.cuda.memory_allocated()
        else:
            self._before = _resident("VmRSS") if _forget_peak() else None
        self._start = self._now()
        return self

    def __exit__(self, *error: object) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        self.seconds = self._now() - self._start
        if self._before is not None:
            cuda = self.device.type == "cuda"
            peak = torch.cuda.max_memory_allocated() if cuda else _resident("VmHWM")
            self.peak = peak - self._before

    def _now(self) -> float:
        return time.process_time() if self.device.type == "cpu" else time.perf_counter()


def _forget_peak() -> bool:
    """Linux keeps a process's highest resident memory; False where it cannot be set back."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _resident(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


# -- the model -------------------------------------------------------------------


def random_predictor(size: str, *, words: int, device: str, dtype: torch.dtype) -> Predictor:
    """A LISA that has learned nothing, made to say `words` pieces of words, `[SEG]` and one more piece."""
    tokenizer = LlamaTokenizer.read(TOKENIZER)
    config = LisaConfig(**SIZES[size], projector="linear")
    torch.manual_seed(0)
    with torch.device(device), no_init_weights():
        model = LisaModel(config).eval().requires_grad_(False)
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            parameter.normal_(std=0.02)
        else:
            parameter.fill_(1.0 if name.endswith("weight") else 0.0)
    processor = LisaProcessor(config, tokenizer)
    if words > len(tokenizer.pieces) - FIRST_WORD - 1:
        raise SystemExit(f"--words {words} is more than the small tokenizer has")
    # The state at a token is mostly its embedding; whoever follows it has this as its row of the head.
    embeddings = model.language_model.get_input_embeddings().weight.normal_()
    sentence = list(range(FIRST_WORD, FIRST_WORD + words))
    sentence = [*sentence, processor.vocabulary.group[0], FIRST_WORD + words, processor.stop_id]
    head = model.language_model.lm_head.weight.zero_()
    for before, after in zip([processor.question_ids("Who?")[-1], *sentence], sentence, strict=False):
        head[after] = embeddings[before]
    return Predictor(model.to(dtype), processor, name=f"random LISA, {size}")


def _clip(hidden: int, layers: int) -> CLIPVisionConfig:
    return CLIPVisionConfig(
        hidden_size=hidden, intermediate_size=4 * hidden, num_hidden_layers=layers,
        num_attention_heads=hidden // 64, image_size=224, patch_size=14,
    )  # fmt: skip


def _llama(hidden: int, inner: int, layers: int, vocabulary: int) -> LlamaConfig:
    return LlamaConfig(
        hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers,
        num_attention_heads=hidden // 128, num_key_value_heads=hidden // 128, vocab_size=vocabulary,
        tie_word_embeddings=False,
    )  # fmt: skip


def _sam(hidden: int, layers: int, heads: int, every: int) -> SamConfig:
    """SAM at 1024 pixels with its published decoder; each `every`th layer attends globally."""
    return SamConfig(
        vision_config={
            "hidden_size": hidden, "num_hidden_layers": layers, "num_attention_heads": heads,
            "mlp_dim": 4 * hidden, "global_attn_indexes": list(range(every - 1, layers, every)),
        }
    )  # fmt: skip


SIZES: dict[str, dict[str, Any]] = {
    "tiny": {
        "clip_config": _clip(64, 2),
        "text_config": _llama(128, 344, 2, 600),
        "sam_config": _sam(32, 2, 2, 2),
    },
    "medium": {
        "clip_config": _clip(320, 6),
        "text_config": _llama(1024, 2752, 7, 600),
        "sam_config": _sam(320, 8, 5, 4),
    },
    "7b": {
        "clip_config": _clip(1024, 24),
        "text_config": _llama(4096, 11008, 32, 32004),
        "sam_config": _sam(1280, 32, 16, 8),
    },
}
"""In 7B's proportions: about nine tenths of the weights are the language model's; "tiny" is for tests."""


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--size", choices=list(SIZES), default="medium", help="of the random model")
    parser.add_argument("--model", help="real weights instead, as for segue.load")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--words", type=int, default=24, help="length of the random model's answer")
    parser.add_argument("--questions", type=int, default=10, help="on one picture")
    parser.add_argument("--pictures", type=int, default=8, help="in a batch")
    parser.add_argument(
        "--sample", type=int, help="ask the original so many questions of a case alone (default: all)"
    )
    parser.add_argument("--most", type=int, default=160, help="tokens of an answer")
    parser.add_argument("--repeats", type=int, default=1, help="the fastest of so many runs counts")
    parser.add_argument("--threads", type=int, help="of torch, on the CPU")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.model:
        predictor = segue.load(options.model, device=options.device, dtype=options.dtype)
    else:
        dtype = getattr(torch, options.dtype)
        predictor = random_predictor(options.size, words=options.words, device=options.device, dtype=dtype)

    made = cases(options.questions, options.pictures)
    pairs, ways = made["one question"]
    ways["ask"](predictor, pairs, 4)  # warm up
    results = [
        found
        for case, (pairs, ways) in made.items()
        for found in compare(
            predictor,
            pairs,
            ways,
            case=case,
            most=options.most,
            repeats=options.repeats,
            sample=options.sample,
        )
    ]
    weights = sum(p.numel() * p.element_size() for p in predictor.model.parameters())
    numbers = sum(p.numel() for p in predictor.model.parameters())
    first = {r.case: r for r in reversed(results)}
    rows = [
        {
            "case": r.case,
            "way": r.way,
            "seconds": round(r.seconds, 3),
            "answers_per_second": round(r.answers_per_second, 3),
            "peak_mb": None if r.peak is None else round(r.peak / 1e6),
            "masks_agree": round(r.agreement, 5),
            "ratio": round(r.answers_per_second / first[r.case].answers_per_second, 2),
        }
        for r in results
    ]
    if options.json:
        report = {"model": predictor.name, "parameters": numbers, "weights_mb": round(weights / 1e6)}
        print(json.dumps(report | {"words": options.words, "rows": rows}))
        return
    print(
        f"{predictor.name}: {numbers / 1e6:.0f} M parameters, {weights / 1e6:.0f} MB, "
        f"{torch.get_num_threads()} threads; answers of {options.words} words"
    )
    print(f"{'':18s} {'':18s} {'seconds':>8s} {'answers/s':>10s} {'peak MB':>8s} {'RATIO':>7s}")
    for row in rows:
        peak = "" if row["peak_mb"] is None else row["peak_mb"]
        print(
            f"{row['case']:18s} {row['way']:18s} {row['seconds']:8.2f} {row['answers_per_second']:10.3f} "
            f"{peak:>8} {row['ratio']:6.1f}x"
        )


if __name__ == "__main__":
    main()
