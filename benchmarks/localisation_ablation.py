"""Do words with places make better captions, and is it easier to locate with them? PixelLLM's ablation.

`mini-pixelllm` is trained twice for each seed: as its recipe has it, and with narratives whose words have no
places (the option `places` of its sources); captions, expressions with their boxes and masks, and regions are
the same in both. Each model is then measured by `segue eval scenes-words` on scenes that no run trains on.

    python benchmarks/localisation_ablation.py --steps 400 --output runs/localisation-ablation

A stopped run goes on where it was: give the same `--output`.
Photographs are left out, so that it depends on nothing but the package.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import segue
from segue.evaluation.runner import run
from segue.evaluation.scene_words import SceneWords
from segue.training.recipe import Recipe, load_recipe
from segue.training.run import train

FIGURES = (
    ("word_distance", "distance"),
    ("words_inside", "inside"),
    ("own_words_inside", "own inside"),
    ("caption_word_f1", "words F1"),
    ("caption_exact", "caption"),
    ("region_exact", "regions"),
    ("box_accuracy", "P@0.5"),
    ("ciou", "cIoU"),
    ("map_python", "mAP*"),
    ("map_detection", "boxes"),
)
"""Figures of `scenes-words` and what the table calls them; mAP* has METEOR without Java."""


@dataclass(frozen=True)
class Trained:
    """One model of the table."""

    places: bool
    seed: int
    figures: Mapping[str, Any]


def ablated(
    recipe: Recipe, *, places: bool, seed: int, steps: int, changes: Mapping[str, Any] | None = None
) -> Recipe:
    """The recipe on scenes alone, with or without places, its steps shared out as they are in the whole.

    Args:
        changes: further fields of the recipe.
    """
    raw = recipe.model_dump(exclude_unset=True)
    raw |= {"seed": seed, "name": f"{recipe.name}-{'with' if places else 'without'}-places-{seed}"}
    raw["sources"] = {name: own for name, own in raw["sources"].items() if own["kind"] == "scenes"}
    for own in raw["sources"].values():
        own["options"] = {**own.get("options", {}), "places": places}
    whole = sum(stage["steps"] for stage in raw["stages"])
    for stage in raw["stages"]:
        share = max(1, round(steps * stage["steps"] / whole))
        stage["warmup_steps"] = min(stage.get("warmup_steps", 0), max(1, share // 5))
        stage["steps"] = share
        stage["rates"] = {
            name: rate for name, rate in stage.get("rates", {}).items() if name in raw["sources"]
        }
    return Recipe.model_validate(raw | {"report_to": []} | dict(changes or {}))


def measure(model: Path, benchmark: SceneWords, folder: Path) -> dict[str, Any]:
    """The figures of a trained model."""
    predictor = segue.load(model, device="cpu")
    summary = run(
        benchmark,
        lambda samples: benchmark.predict(predictor, samples, 8),
        model={"name": str(model)},
        output=folder,
    )
    return dict(summary["figures"]["overall"])


def compare(
    *,
    output: Path,
    steps: int,
    seeds: Sequence[int],
    num_scenes: int,
    recipe: str = "mini-pixelllm",
    captions: str = "python",
    changes: Mapping[str, Any] | None = None,
) -> list[Trained]:
    """Train and measure every model of the table."""
    from segue.evaluation.caption_scores import open_scorer

    benchmark = SceneWords(num=num_scenes, scorer=open_scorer({"captions": captions}))
    found = []
    for seed in seeds:
        for places in (True, False):
            own = ablated(load_recipe(recipe), places=places, seed=seed, steps=steps, changes=changes)
            folder = output / own.name
            train(own, output=folder)
            figures = measure(folder / "model", benchmark, folder / f"scenes-words-{num_scenes}")
            found.append(Trained(places, seed, figures))
    return found


def table(found: Sequence[Trained]) -> str:
    """A line for each model, and the means of both kinds."""
    lines = [f"{'':24}" + "".join(f"{title:>12}" for _, title in FIGURES)]
    for one in sorted(found, key=lambda one: not one.places):
        name = f"{'with' if one.places else 'without'} places, seed {one.seed}"
        lines.append(f"{name:24}" + "".join(_cell(one.figures.get(key)) for key, _ in FIGURES))
    for places in (True, False):
        own = [one.figures for one in found if one.places == places]
        means = [_mean([figures.get(key) for figures in own]) for key, _ in FIGURES]
        name = f"{'with' if places else 'without'}, mean"
        lines.append(f"{name:24}" + "".join(map(_cell, means)))
    return "\n".join(lines)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _cell(value: float | None) -> str:
    return f"{'-' if value is None else format(value, '.3f'):>12}"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=400, help="of each model, all its stages together")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--scenes", type=int, default=200, help="that each model is measured on")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--workers", type=int, default=0, help="processes that draw scenes")
    parser.add_argument("--output", type=Path, default=Path("runs/localisation-ablation"))
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    changes: dict[str, Any] = {"num_workers": options.workers, "threads": options.threads}
    found = compare(
        output=options.output,
        steps=options.steps,
        seeds=options.seeds,
        num_scenes=options.scenes,
        changes=changes,
    )
    if options.json:
        print(json.dumps([vars(one) for one in found]))
        return
    print(f"{options.steps} steps each, {options.scenes} held-out scenes")
    print(table(found))


if __name__ == "__main__":
    main()
