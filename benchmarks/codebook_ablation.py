"""PixelLM's parts in miniature: what scales, tokens, fusion and refinement bring, by number of targets.

Small models of segue/mini's composition learn to point at up to five things in scenes of eight kinds. What
every variant has in common is trained once ("see": the vision encoder and the meaning of words); then each
variant learns to answer from there, with the same steps and two seeds of its own decoder, language model and
order of the data. Measured on held-out scenes: gIoU of answers with 1, 2 and 3 or more targets, with masks at
the mask tokens of the given answer ("forced") and of the model's own ("free", where a target without a mask
counts 0). Results are lines of `results.jsonl`; a variant and seed that has one is not trained again, and a
run that was stopped goes on from its last checkpoint.

    python benchmarks/codebook_ablation.py --jobs 2                  # everything, about 4 minutes a run
    python benchmarks/codebook_ablation.py --only codebook-2x3:0     # one run
    python benchmarks/codebook_ablation.py --table --plot docs/pictures/ablation.png
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from PIL import Image

from segue.checkpoints.loading import read_grounded_model
from segue.data.native import ObjectRecord, Phrase, Record, Turn, encode_mask, mask_box, write_records
from segue.mask_tokens import MaskVocabulary
from segue.modeling.configuration import GroundedConfig
from segue.modeling.grounded import GroundedModel
from segue.predictor import Predictor
from segue.processing import Processor
from segue.training.recipe import Recipe

SIDE = 96
KINDS = ("dog", "bird", "car", "apple", "mug", "house", "umbrella", "ball")
MOST_TARGETS = 5
TRAINING_SEED, HELD_OUT_SEED = 1 << 32, 1_000_000
BY_TARGETS = ("1", "2", "3+")
COLORS = ("#9cc9e8", "#4ab0f0", "#1a5f96")
VOCABULARY, MORE = 512, 16
"""Of the tokenizer that is common to all, and room behind it for a variant's own mask tokens."""
LAYERS = {1: (4,), 2: (4, 2), 3: (4, 3, 2)}
"""Depths of the vision encoder for 1, 2 and 3 scales, deepest first."""


@dataclass(frozen=True)
class Variant:
    """One set of choices; `scales` are the decoder's, and the codebook's unless `shared`: then one scale's
    tokens speak to all of the decoder's."""

    scales: int = 2
    tokens: int = 3
    fusion: str = "learned"
    refinement: bool = True
    shared: bool = False

    def model(self, *, vocabulary: int = VOCABULARY + MORE) -> dict[str, Any]:
        """Sections of the configuration: about 4 million parameters."""
        return {
            "vision_config": {
                "image_size": SIDE, "stem_widths": (16, 32, 64, 128), "stem_depths": (0, 1, 1, 1),
                "hidden_size": 160, "num_layers": 4, "num_heads": 4, "mlp_ratio": 2.0,
                "feature_layers": LAYERS[self.scales],
            },
            "text_config": {
                "vocab_size": vocabulary, "hidden_size": 160, "intermediate_size": 320,
                "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 4,
                "initializer_range": 0.05,
                "max_position_embeddings": 512, "tie_word_embeddings": True, "pad_token_id": 0,
                "bos_token_id": 1, "eos_token_id": 2,
            },
            "decoder_config": {
                "hidden_size": 64, "depth": 1, "num_heads": 4, "mlp_dim": 128, "fusion": self.fusion,
                "edges": True,
            },
            "mask_token_config": {
                "scales": 1 if self.shared else self.scales, "tokens_per_scale": self.tokens,
                "reject": False, "phrase_marks": False,
            },
        }  # fmt: skip


BASE = "codebook-2x3"
VARIANTS = {
    BASE: Variant(),
    "scales-1": Variant(scales=1),
    "scales-3": Variant(scales=3),
    "tokens-1": Variant(tokens=1),
    "tokens-2": Variant(tokens=2),
    "fusion-constant": Variant(fusion="constant"),
    "refinement-off": Variant(refinement=False),
    "seg-1x1": Variant(scales=1, tokens=1),
    "seg-shared": Variant(tokens=1, shared=True),
}
MEANING = {
    BASE: "PixelLM as in the paper: 2 scales x 3 tokens, learned fusion, refinement",
    "scales-1": "1 scale x 3 tokens",
    "scales-3": "3 scales x 3 tokens",
    "tokens-1": "2 scales x 1 token",
    "tokens-2": "2 scales x 2 tokens",
    "fusion-constant": "2 x 3, the released code's constant fusion",
    "refinement-off": "2 x 3, no target refinement loss",
    "seg-1x1": "one `[SEG]`, a decoder of one scale",
    "seg-shared": "one `[SEG]` (LISA's way), the decoder of two scales",
}


# -- data ------------------------------------------------------------------------


def make_record(seed: int, folder: Path | None) -> tuple[np.ndarray, Record] | None:
    """A scene, and questions about 1, 2, ... of its things that a name tells apart; None where there are
    fewer than three of these. The picture goes to `folder`."""
    from segue.scenes.compose import compose_scene
    from segue.scenes.kinds import KINDS as ALL

    kinds = {name: ALL[name] for name in KINDS}
    scene = compose_scene(
        seed, size=(SIDE + 16, SIDE + 16), kinds=kinds, setting="loose", num_objects=(4, 7), zoom=1.5
    )
    rng = np.random.default_rng((seed, 2))
    names: dict[str, list[int]] = defaultdict(list)
    for thing in scene.objects:
        names[thing.kind].append(thing.id)
        names[f"{thing.color} {thing.kind}"].append(thing.id)
    single = {ids[0]: name for name, ids in names.items() if len(ids) == 1}
    # A kind that comes once is called by it, with its colour half of the time.
    for thing in scene.objects:
        if names[thing.kind] == [thing.id] and rng.random() < 0.5:
            single[thing.id] = thing.kind
    if len(single) < 3:
        return None
    record = Record(
        image=f"images/{seed}.png",
        width=scene.width,
        height=scene.height,
        objects=[
            ObjectRecord(
                id=thing.id, category=thing.kind, segmentation=encode_mask(thing.mask),
                bbox=mask_box(thing.mask), attributes={"color": thing.color},
            )
            for thing in scene.objects
        ],
        dialogue=list(make_turns(single, rng)),
        exhaustive="all",
    )  # fmt: skip
    if folder is not None:
        Image.fromarray(scene.image).save(folder / record.image)
    return scene.image, record


def make_turns(single: dict[int, str], rng: np.random.Generator) -> Iterator[Turn]:
    """Two questions about one thing, one each about two, three, ... of them."""
    for count in (1, *range(1, min(len(single), MOST_TARGETS) + 1)):
        chosen = [int(i) for i in rng.permutation(sorted(single))[:count]]
        parts, answer, phrases = [], "", []
        for number, id_ in enumerate(chosen):
            answer += "" if not number else " and " if number == count - 1 else ", "
            name = f"the {single[id_]}"
            parts.append(name)
            phrases.append(Phrase(span=(len(answer), len(answer) + len(name)), ids=[id_]))
            answer += name
        listed = f"{', '.join(parts[:-1])} and {parts[-1]}" if count > 1 else parts[0]
        yield Turn(
            question=f"Where {'are' if count > 1 else 'is'} {listed}?",
            answer=f"{answer[0].upper()}{answer[1:]}.",
            phrases=phrases,
            type=str(count) if count < 3 else "3+",
        )


def make_data(folder: Path, count: int) -> Path:
    """`count` training scenes as native records, made once."""
    path = folder / "train.jsonl"
    if path.is_file():
        return path
    (folder / "images").mkdir(parents=True, exist_ok=True)
    made = (make_record(TRAINING_SEED + number, folder) for number in range(2 * count))
    records = [found[1] for found, _ in zip(filter(None, made), range(count), strict=False)]
    write_records(path, records)
    return path


# -- training --------------------------------------------------------------------


def recipe(name: str, data: Path, stage: dict[str, Any], *, seed: int, **start: Any) -> Recipe:
    """One stage on the scenes, on one thread."""
    return Recipe.model_validate(
        {
            "name": name,
            "seed": seed,
            "sources": {"things": {"kind": "own", "path": str(data), "options": {"held_out": 0}}},
            "stages": [{"image_size": SIDE, "batch_size": 8, "warmup_steps": 40, "max_tokens": 400, **stage}],
            "save_steps": 200,
            "keep_checkpoints": 1,
            "logging_steps": 25,
            "num_workers": 0,
            "threads": 1,
            "report_to": [],
            "num_tokenizer_texts": 4000,
            **start,
        }
    )


def see(out: Path, steps: int, *, num_pictures: int) -> Path:
    """What all variants begin from: vision and words, learned from dense labels; no masks, no answers."""
    from segue.training.run import train

    stage = {
        "name": "see", "steps": steps, "learning_rate": 6e-4, "num_turns": 0,
        "losses": {"text": 0.0, "dense": 1.0},
    }  # fmt: skip
    model = VARIANTS[BASE].model(vocabulary=VOCABULARY)
    made = recipe("see", make_data(out, num_pictures), stage, seed=0, model=model)
    return train(made, output=out / "see")


def begin(out: Path, name: str, seed: int) -> Path:
    """A variant's model before its training: what "see" has learned, and random weights elsewhere."""
    folder = out / "starts" / f"{name}-{seed}"
    seen = read_grounded_model(out / "see" / "model")
    config = GroundedConfig(**VARIANTS[name].model())
    torch.manual_seed(seed)
    model = GroundedModel(config)
    common = {
        key: value
        for key, value in seen.state_dict().items()
        if key.startswith(("vision.stem", "vision.blocks", "vision.patch", "vision.norms.0", "projector"))
    }
    model.load_state_dict(common, strict=False)
    words = seen.language_model.get_input_embeddings().weight.data
    model.language_model.get_input_embeddings().weight.data[: len(words)] = words
    tokenizer = Processor.from_pretrained(out / "see" / "model", seen.config).tokenizer
    MaskVocabulary.add_to(tokenizer, **VARIANTS[name].model()["mask_token_config"])
    assert len(tokenizer) <= config.text_config.vocab_size, "the mask tokens need room in the vocabulary"
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    Processor(config, tokenizer).save_pretrained(folder)
    return folder


def run(out: Path, name: str, seed: int, *, steps: int, num_scenes: int) -> dict[str, Any]:
    """Train a variant from where all begin, and measure it."""
    import segue
    from segue.training.run import train

    stage = {
        "name": "answer", "steps": steps, "learning_rate": 6e-4, "num_turns": 3, "max_masks": 4,
        "max_prompts": 1,
        "losses": {
            "text": 1.0, "bce": 2.0, "dice": 1.0, "align": 0.5, "prompt": 0.5, "dense": 0.5,
            "refinement_alpha": 2.0 if VARIANTS[name].refinement else 1.0,
        },
    }  # fmt: skip
    start = str(begin(out, name, seed))
    made = recipe(name, out / "train.jsonl", stage, seed=seed, init=start)
    begun, used = time.perf_counter(), time.process_time()
    model = segue.load(train(made, output=out / "runs" / f"{name}-{seed}"), device="cpu")
    return {
        "variant": name,
        "seed": seed,
        "steps": steps,
        "parameters": sum(p.numel() for p in model.model.parameters()),
        "minutes": round((time.perf_counter() - begun) / 60, 2),
        "cpu_minutes": round((time.process_time() - used) / 60, 2),
        **measure(model, num_scenes=num_scenes),
    }


def measure(predictor: Predictor, *, num_scenes: int, batch_size: int = 16) -> dict[str, Any]:
    """gIoU by number of targets, forced and free, and how often a free answer has the right number."""
    from segue.evaluation.asking import ask_all
    from segue.evaluation.forced import read_answers
    from segue.evaluation.metrics import Tally
    from segue.evaluation.runner import Sample
    from segue.evaluation.scenes import object_masks, score_answer, target_mask

    scenes = filter(None, (make_record(HELD_OUT_SEED + n, None) for n in range(2 * num_scenes)))
    samples = [
        Sample(record.image, image, record, record.dialogue)
        for (image, record), _ in zip(scenes, range(num_scenes), strict=False)
    ]
    figures: dict[str, Any] = {"scenes": len(samples)}
    for how, predict in (("forced", read_answers), ("free", ask_all)):
        tallies = {number: Tally() for number in BY_TARGETS}
        right = []
        for sample, said in zip(samples, predict(predictor, samples, batch_size), strict=True):
            masks, shape = object_masks(sample.record), (sample.record.height, sample.record.width)
            for turn, prediction in zip(sample.turns, said, strict=True):
                truths = [target_mask(phrase.ids, masks, shape) for phrase in turn.phrases]
                tallies[turn.type] += Tally.of(score_answer(prediction, truths))
                right.append(len(prediction.targets) == len(truths))
        overall = sum(tallies.values(), start=Tally())
        figures[how] = {
            number: round(tally.metrics().giou or 0.0, 4)
            for number, tally in (*tallies.items(), ("all", overall))
        }
        figures[how]["right_number"] = round(mean(right), 4)
    return figures


# -- results ---------------------------------------------------------------------


def read_results(out: Path) -> list[dict[str, Any]]:
    """Finished runs, in the order of the variants."""
    path = out / "results.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    order = list(VARIANTS)
    return sorted(lines, key=lambda line: (order.index(line["variant"]), line["seed"]))


def by_variant(results: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Each variant's runs."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in results:
        found[line["variant"]].append(line)
    return found


def table(results: Sequence[dict[str, Any]]) -> str:
    """Markdown: means over seeds, and behind +- half the distance between the best and the worst seed."""
    columns = [f"{how}, {number}" for how in ("forced", "free") for number in (*BY_TARGETS, "all")]
    lines = [
        f"| variant | {' | '.join(columns)} | right number | seeds | CPU minutes |",
        "|---|" + "---|" * (len(columns) + 3),
    ]
    for name, runs in by_variant(results).items():
        cells = []
        for how in ("forced", "free"):
            for number in (*BY_TARGETS, "all"):
                values = [100 * line[how][number] for line in runs]
                spread = (max(values) - min(values)) / 2
                cells.append(f"{mean(values):.1f} ±{spread:.1f}")
        right = mean(line["free"]["right_number"] for line in runs)
        minutes = mean(line["cpu_minutes"] for line in runs)
        cells += [f"{right:.2f}", str(len(runs)), f"{minutes:.1f}"]
        lines.append(f"| {MEANING[name]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(results: Sequence[dict[str, Any]], path: Path) -> None:
    """A point for every seed, a bar for the mean; one panel forced, one free."""
    from matplotlib.figure import Figure

    groups = by_variant(results)
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    width = 0.8 / len(BY_TARGETS)
    for axes, how in zip(figure.subplots(1, 2, sharey=True), ("forced", "free"), strict=True):
        for number, (targets, color) in enumerate(zip(BY_TARGETS, COLORS, strict=True)):
            for place, runs in enumerate(groups.values()):
                values = [100 * line[how][targets] for line in runs]
                x = place + (number - 1) * width
                label = f"{targets} target{'' if targets == '1' else 's'}" if not place else None
                axes.bar(x, mean(values), width * 0.92, color=color, label=label)
                axes.plot([x] * len(values), values, ".", color="#1c1c1e", markersize=4)
        axes.set_xticks(range(len(groups)), list(groups), rotation=35, ha="right")
        axes.set_title("masks of the given answer" if how == "forced" else "masks of the model's own answer")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("gIoU on held-out scenes, %")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, ncols=3, loc="outside upper center")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


# -- the command line ------------------------------------------------------------


def chosen(options: argparse.Namespace) -> list[tuple[str, int]]:
    """The runs that are asked for and have no result yet; the first seed of all variants comes first."""
    wanted = [(name, seed) for seed in range(options.seeds) for name in VARIANTS]
    if options.only:
        wanted = [(name, int(seed)) for name, _, seed in (one.partition(":") for one in options.only)]
    if unknown := [name for name, _ in wanted if name not in VARIANTS]:
        raise SystemExit(f"no variant {unknown[0]}; there are {', '.join(VARIANTS)}")
    done = {(line["variant"], line["seed"]) for line in read_results(options.out)}
    return [pair for pair in wanted if pair not in done]


def in_a_process(options: argparse.Namespace, name: str, seed: int) -> None:
    """One run in a Python of its own, its words in a file beside it."""
    log = options.out / "logs" / f"{name}-{seed}.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, __file__, "--out", options.out, "--steps", options.steps]
    command += ["--see-steps", options.see_steps, "--pictures", options.pictures]
    command += ["--scenes", options.scenes, "--only", f"{name}:{seed}"]
    print(f"{time.strftime('%H:%M:%S')} {name}, seed {seed}", flush=True)
    with log.open("w") as file:
        if subprocess.run([str(part) for part in command], stdout=file, stderr=file).returncode:
            print(f"{name}, seed {seed} failed: {log}", flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/codebook-ablation"))
    parser.add_argument("--steps", type=int, default=800, help="of each variant")
    parser.add_argument("--see-steps", type=int, default=2000, help="of what all begin from")
    parser.add_argument("--pictures", type=int, default=2000, help="training scenes, made once")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--scenes", type=int, default=150, help="held-out ones")
    parser.add_argument("--only", nargs="+", metavar="VARIANT:SEED", help="these runs alone")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, each on one thread")
    parser.add_argument("--table", action="store_true", help="print what there is as markdown, and stop")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="draw what there is, and stop")
    options = parser.parse_args()
    if options.table or options.plot:
        if not (results := read_results(options.out)):
            raise SystemExit(f"{options.out}: no results yet")
        if options.plot:
            plot(results, options.plot)
        if options.table:
            print(table(results))
        return

    torch.set_num_threads(1)
    see(options.out, options.see_steps, num_pictures=options.pictures)
    runs = chosen(options)
    if options.jobs > 1:
        with ThreadPoolExecutor(options.jobs) as pool:
            list(pool.map(lambda pair: in_a_process(options, *pair), runs))
        return
    for name, seed in runs:
        line = run(options.out, name, seed, steps=options.steps, num_scenes=options.scenes)
        with (options.out / "results.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
