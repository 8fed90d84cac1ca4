"""A page of a run that people look at: the best, the worst and some random samples, truth beside prediction.

One HTML file with its pictures inside, so that it can be sent around.
"""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from segue.evaluation.comparison import Comparison
from segue.evaluation.prediction import Prediction
from segue.evaluation.rows import Row, RowFile
from segue.evaluation.runner import Benchmark, Sample
from segue.evaluation.segmentation import Truths
from segue.images import open_image
from segue.visualize import palette

__all__ = ["PAGE", "write_comparison_page", "write_page"]

PAGE = "page.html"
_SIDE = 320
"""Longer side of a picture on the page."""
_TURNS = 4
"""Questions shown of each sample, the worst ones."""


def write_page(benchmark: Benchmark, folder: Path, *, num: int = 6) -> Path:
    """Write `page.html` into a finished run's folder: `num` best, worst and random samples each."""
    rows = RowFile(folder, list(benchmark.names()))
    scores = [(row["score"], row["name"]) for row in rows if row.get("score") is not None]
    scores.sort()
    drawn = sorted((name for _, name in scores), key=lambda name: (zlib.crc32(f"page {name}".encode()), name))
    groups = {
        "Best": [name for _, name in reversed(scores[-num:])],
        "Worst": [name for _, name in scores[:num]],
        "Random": drawn[:num],
    }
    wanted = {name for names in groups.values() for name in names}
    kept = {row["name"]: row for row in rows if row["name"] in wanted}
    sections = [
        f"<h2>{title}</h2>" + "".join(_sample_html(benchmark, [kept[name]]) for name in names)
        for title, names in groups.items()
    ]
    summary = (folder / "summary.json").read_text(encoding="utf-8")
    title = f"{benchmark.name}, protocol {benchmark.protocol}"
    overall = json.loads(summary)["figures"].get("overall", {})
    head = f"<h1>{escape(title)}</h1><pre>{escape(json.dumps(overall, indent=1))}</pre>"
    return _write(folder / PAGE, title, head + "".join(sections))


def write_comparison_page(
    benchmark: Benchmark, comparison: Comparison, first: Path, second: Path, output: Path
) -> Path:
    """Write the samples that differ most between two runs, both predictions beside the truth."""
    names = [entry.name for entry in comparison.samples]
    wanted = set(names)
    kept = [
        {row["name"]: row for row in RowFile(folder, names) if row["name"] in wanted}
        for folder in (first, second)
    ]
    title = f"{comparison.benchmark}: {first} against {second}"
    body = "".join(_sample_html(benchmark, [own[name] for own in kept]) for name in names)
    return _write(output, title, f"<h1>{escape(title)}</h1>{body}")


def _write(path: Path, title: str, body: str) -> Path:
    style = (
        "body{font:15px sans-serif;margin:2em;background:#fff;color:#222}img{margin-right:6px}"
        "figure{margin:0 0 1.5em}figcaption{max-width:70em}small{color:#777}"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"<!doctype html><meta charset=utf-8><title>{escape(title)}</title><style>{style}</style>{body}\n",
        encoding="utf-8",
    )
    return path


def _sample_html(benchmark: Benchmark, rows: Sequence[Row]) -> str:
    """One sample with what each of the runs predicted for it."""
    row = rows[0]
    sample = benchmark.sample(row["name"])
    picture = open_image(sample.image)
    scores = " against ".join("-" if own["score"] is None else f"{own['score']:.3f}" for own in rows)
    head = f"<h3>{escape(sample.name)} <small>{escape(str(row.get('image', '')))}</small> {scores}</h3>"
    predictions = [
        [Prediction.from_dict(entry, where=sample.name) for entry in own["predictions"]] for own in rows
    ]
    if not sample.turns:
        texts = "".join(f"<p>{escape('; '.join(p.text for p in own))}</p>" for own in predictions)
        return f"{head}<figure>{_img(picture)}<figcaption>{texts}</figcaption></figure>"
    truths = Truths(sample.record)
    figures = [
        _turn_html(sample, picture, truths, index, [own[index] for own in predictions if index < len(own)])
        for index in _worst_turns(row, len(sample.turns))
    ]
    return head + "".join(figures)


def _turn_html(
    sample: Sample, picture: Image.Image, truths: Truths, index: int, predictions: Sequence[Prediction]
) -> str:
    turn = sample.turns[index]
    wanted = [truths.mask(phrase.ids) for phrase in turn.phrases]
    shown = [_img(_overlay(picture, wanted))]
    lines = [f"<b>{escape(turn.question.strip())}</b>"]
    for prediction in predictions:
        masks = [target.mask for target in prediction.targets]
        shown.append(_img(_overlay(picture, [mask for mask in masks if mask is not None])))
        marks = ", ".join(
            f"{target.phrase}{' (rejected)' if target.rejected else ''}" for target in prediction.targets
        )
        lines.append(f"{escape(prediction.text)} <small>{escape(marks)}</small>")
    return f"<figure>{''.join(shown)}<figcaption>{'<br>'.join(lines)}</figcaption></figure>"


def _worst_turns(row: Mapping[str, Any], count: int) -> list[int]:
    turns = row.get("turns", [])

    def value(index: int) -> float:
        turn = turns[index] if index < len(turns) else {}
        scores = turn.get("scores") or ([turn["score"]] if isinstance(turn.get("score"), dict) else [])
        return min((score["iou"] for score in scores), default=1.0)

    return sorted(sorted(range(count), key=value)[:_TURNS])


def _overlay(picture: Image.Image, masks: Iterable[np.ndarray]) -> Image.Image:
    """The picture with translucent masks, small."""
    small = picture.copy()
    small.thumbnail((_SIDE, _SIDE))
    pixels: np.ndarray = np.asarray(small, dtype=np.float32).copy()
    for number, mask in enumerate(masks):
        shape = Image.fromarray(mask.astype(np.uint8) * 255).resize(small.size, Image.Resampling.BILINEAR)
        share = np.asarray(shape, dtype=np.float32)[..., None] / 255 * 0.55
        pixels = pixels * (1 - share) + np.array(palette(number), np.float32) * share
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def _img(picture: Image.Image) -> str:
    small = picture.convert("RGB")
    small.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=82)
    return f'<img src="data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode("ascii")}">'
