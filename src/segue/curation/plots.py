"""A set's distributions as one picture, beside what the paper publishes of MUSE."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from segue.curation.plan import MUSE_MAX, MUSE_MEAN
from segue.curation.stats import PUBLISHED, Figures
from segue.curation.targets import muse_law
from segue.errors import MissingDependencyError

__all__ = ["draw"]

_OWN, _PUBLISHED, _MEAN = "#4ab0f0", "#e66100", "#1c1c1e"


def draw(figures: Figures, path: Path) -> None:
    """Write a PNG with three plots.

    MUSE's own distributions are not published: for targets its mean and maximum are marked, with the law that
    assumes the least beyond these; for descriptions and categories what the paper says in words.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingDependencyError("plots need matplotlib: pip install 'segue[curate]'") from None
    figure = Figure(figsize=(13, 3.8), layout="constrained")
    targets, words, categories = figure.subplots(1, 3)
    _draw_targets(targets, figures)
    _draw_words(words, figures)
    _draw_categories(categories, figures)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _draw_targets(axes: Any, figures: Figures) -> None:
    numbers = {number: times for number, times in figures.targets_per_answer.items() if number}
    total = max(1, sum(numbers.values()))
    axes.bar(list(numbers), [times / total for times in numbers.values()], color=_OWN, label="this set")
    law = muse_law()
    axes.plot(
        list(law), list(law.values()), color=_PUBLISHED, marker=".", label="law with MUSE's mean and maximum"
    )
    axes.axvline(figures.mean_targets, color=_OWN, linestyle="--", label=f"mean {figures.mean_targets:.2f}")
    axes.axvline(MUSE_MEAN, color=_PUBLISHED, linestyle="--", label=f"MUSE's mean {MUSE_MEAN}")
    axes.axvline(MUSE_MAX, color=_PUBLISHED, linestyle=":", label=f"MUSE's maximum {MUSE_MAX}")
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.5 / total)
    _titles(axes, "targets per answer", "targets", "share of answers")


def _draw_words(axes: Any, figures: Figures) -> None:
    numbers = figures.words_per_description
    axes.bar(list(numbers), list(numbers.values()), width=1.0, color=_OWN, label="this set")
    axes.axvline(
        figures.mean_description, color=_OWN, linestyle="--", label=f"mean {figures.mean_description:.1f}"
    )
    longest = PUBLISHED["longest_description"]
    axes.axvline(longest, color=_PUBLISHED, linestyle=":", label=f"MUSE: up to over {longest:.0f}")
    _titles(axes, "words per description", "words and punctuation", "descriptions")


def _draw_categories(axes: Any, figures: Figures) -> None:
    times = sorted(figures.instances_per_category.values(), reverse=True)
    axes.plot(
        range(1, len(times) + 1), times, color=_OWN, marker=".", label=f"this set: {len(times)} categories"
    )
    axes.axvline(PUBLISHED["categories"], color=_PUBLISHED, linestyle=":", label="MUSE: over 1000 categories")
    axes.set_xscale("log")
    axes.set_yscale("log")
    _titles(axes, "instances per category", "rank of the category", "instances in answers")


def _titles(axes: Any, title: str, x: str, y: str) -> None:
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.legend(fontsize=7)
