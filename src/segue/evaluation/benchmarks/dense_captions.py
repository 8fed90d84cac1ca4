"""Dense captions of Visual Genome: find everything that people described, and describe it; mAP.

The model finds its own boxes (`Predictor.caption_dense`), so both protocols are one. A file of other people
is COCO results with `bbox`, `score` and `caption`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.data.sources import RecordSet
from segue.errors import DataError
from segue.evaluation.benchmarks import BenchmarkInfo, Setup
from segue.evaluation.caption_scores import CaptionScorer, PythonScorer, open_scorer
from segue.evaluation.captioning import CAPTIONS_OPTION, Ratios, add_ratio, scorer_settings
from segue.evaluation.dense_captions import (
    IOU_THRESHOLDS,
    DenseMap,
    Found,
    Region,
    dense_map,
    match_detections,
    merge_regions,
)
from segue.evaluation.prediction import Prediction
from segue.evaluation.rows import Row
from segue.evaluation.runner import Sample
from segue.evaluation.segmentation import shuffled_names

if TYPE_CHECKING:
    from segue.predictor import Predictor

__all__ = ["BENCHMARKS", "DenseCaptions"]

_HALF = 0.5


@dataclass(frozen=True)
class DenseCaptions:
    """See the module's text. Native records have no captions without words, so how `dense_map` takes those
    does not arise."""

    name: str
    protocol: str
    records: RecordSet
    scorer: CaptionScorer | None
    num: int | None = None

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """A star: METEOR without Java."""
        python = isinstance(self.scorer, PythonScorer)
        both = ("mAP*", "map_python") if python else ("mAP", "map")
        return both, ("boxes alone", "map_detection"), ("recall", "recall@0.5")

    @property
    def settings(self) -> dict[str, Any]:
        return {**scorer_settings(self.scorer), "num_pictures": len(self.records)}

    def names(self) -> list[str]:
        return shuffled_names(len(self.records))[: self.num]

    def sample(self, name: str) -> Sample:
        """Without turns: nothing is asked, and there are as many predictions as the model finds things."""
        record = self.records[int(name)]
        return Sample(name, Path(self.records.folder) / record.image, record, [])

    def predict(
        self, predictor: Predictor, samples: Sequence[Sample], batch_size: int
    ) -> list[list[Prediction]]:
        from segue.evaluation.asking import see_all

        seen = see_all(predictor, samples)
        return [list(map(Prediction.from_answer, predictor.caption_dense(picture))) for picture in seen]

    def score(self, sample: Sample, predictions: Sequence[Prediction]) -> Row:
        labels = [caption for caption in sample.record.captions if caption.region is not None]
        regions = merge_regions(
            [caption.region or () for caption in labels], [caption.text for caption in labels]
        )
        boxes, scores, captions = [], [], []
        for said in predictions:
            boxes.append(_box(said, sample.name))
            scores.append(said.targets[0].score)
            captions.append(said.text or said.targets[0].phrase)
        found = match_detections(boxes, scores, captions, regions)
        hits = sum(one.first and one.iou >= _HALF for one in found)
        ratios: Ratios = {}
        add_ratio(ratios, "recall@0.5", hits, len(regions))
        places = {id(region): number for number, region in enumerate(regions)}
        return {
            "score": hits / len(regions) if regions else None,
            "regions": [[list(region.box), list(region.captions)] for region in regions],
            # Best first; the region that each is held against, by number.
            "found": [
                {
                    "caption": one.caption,
                    "score": one.score,
                    "iou": round(one.iou, 6),
                    "region": None if one.region is None else places[id(one.region)],
                    "first": one.first,
                }
                for one in found
            ],
            "ratios": ratios,
        }

    def summarise(self, rows: Iterable[Row]) -> dict[str, Any]:
        found: list[Found] = []
        num_regions = hits = 0
        for row in rows:
            regions = [Region(tuple(box), tuple(captions)) for box, captions in row["regions"]]
            num_regions += len(regions)
            for one in row["found"]:
                region = None if one["region"] is None else regions[one["region"]]
                found.append(Found(one["score"], one["caption"], one["iou"], region, one["first"]))
                hits += one["first"] and one["iou"] >= _HALF
        figures = dense_map(found, self._meteors(found), num_regions=num_regions)
        return {
            "overall": {
                "num_regions": num_regions,
                "num_found": len(found),
                **self._named(figures.map, figures.detection),
                "recall@0.5": hits / num_regions if num_regions else None,
            },
            "by_iou": {str(low): self._named(*_at(figures, low)) for low in IOU_THRESHOLDS},
        }

    def _meteors(self, found: Sequence[Found]) -> list[float]:
        """METEOR where it can decide anything: of the first on its region, near enough."""
        chosen = [
            (number, one.caption, one.region.captions)
            for number, one in enumerate(found)
            if one.region is not None and one.first and one.iou >= min(IOU_THRESHOLDS)
        ]
        meteors = [0.0] * len(found)
        if self.scorer is not None and chosen:
            values = self.scorer.meteors([entry[1] for entry in chosen], [entry[2] for entry in chosen])
            for (number, _, _), value in zip(chosen, values, strict=True):
                meteors[number] = value
        return meteors

    def _named(self, both: float | None, boxes: float | None) -> dict[str, float | None]:
        """mAP under a name that says whose METEOR it is, none without one; and that of boxes alone."""
        name = "map_python" if isinstance(self.scorer, PythonScorer) else "map"
        return ({} if self.scorer is None else {name: both}) | {"map_detection": boxes}


def _at(figures: DenseMap, low: float) -> tuple[float | None, float | None]:
    """The mean over METEOR at one IoU threshold, and the boxes' own."""
    own = [value for key, value in figures.by_threshold.items() if key.startswith(f"iou{low} ")]
    return (sum(own) / len(own) if own else None), figures.by_threshold.get(f"iou{low}")


def _box(said: Prediction, name: str) -> tuple[float, float, float, float]:
    """x, y, width, height of what was found."""
    box = said.targets[0].box_of if len(said.targets) == 1 else None
    if box is None:
        raise DataError(f"sample {name}: a dense caption needs one box, and {said.text[:40]!r} has none")
    return box[0], box[1], box[2] - box[0], box[3] - box[1]


def _open(name: str, setup: Setup) -> DenseCaptions:
    scorer = open_scorer(setup.options)
    return DenseCaptions(name, setup.protocol, _INFO[name].records(setup), scorer, num=setup.num)


BENCHMARKS = (
    BenchmarkInfo(
        "vg-dense-captions",
        "Visual Genome, dense captions",
        partial(_open, "vg-dense-captions"),
        source="visual_genome",
        split="test",
        options=CAPTIONS_OPTION,
    ),
)
_INFO = {info.name: info for info in BENCHMARKS}
