"""Held-out scenes, by what the PixelLLM family does: captions with a point for every word, captions of given
boxes and of everything found, and expressions that are located.

Of each scene
* the true caption is given to read, and its words' points are held against the trace (`word_distance`, in
  shares of the picture's longer side) and, where they name a thing, against that thing's mask
  (`words_inside`);
* the model's own caption is looked through for names of kinds, each of whose points should be on a thing of
  that kind (`own_words_inside`; a kind that is not there has no right place);
* every thing's true box is captioned (`region_exact`: the true words to the letter, but for the case);
* every thing is located by one expression (P@0.5 of the box, cIoU of the mask);
* everything found is captioned (mAP as of Visual Genome), by models that find things by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from segue.data.native import Record, Turn
from segue.evaluation.benchmarks.dense_captions import DenseCaptions
from segue.evaluation.caption_scores import CaptionScorer, PythonScorer, word_f1
from segue.evaluation.captioning import Ratios, add_ratio, caption_turns, region_turn, scorer_settings
from segue.evaluation.locate import LocateScore, locate_metrics, score_located
from segue.evaluation.metrics import point_inside, same_text
from segue.evaluation.prediction import PointedWord, Prediction
from segue.evaluation.rows import Row
from segue.evaluation.runner import Sample
from segue.evaluation.scenes import object_masks, target_mask

if TYPE_CHECKING:
    from segue.predictor import Predictor

__all__ = ["SceneWords"]

READ, CAPTION, REGION, LOCATE = "read", "caption", "region", "locate"


@dataclass(frozen=True)
class SceneWords:
    """`num` scenes of the seeds from `seed` on; training takes its own from above 2**31."""

    num: int = 200
    seed: int = 1_000_000
    size: tuple[int, int] = (256, 192)
    """Width and height."""
    world: str = "small"
    scorer: CaptionScorer | None = None
    """Of dense captions; None: boxes alone."""
    protocol: str = "free"
    name: str = "scenes-words"

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        mean = "map_python" if isinstance(self.scorer, PythonScorer) else "map"
        dense = ((("mAP*" if mean == "map_python" else "mAP"), mean),) if self.scorer is not None else ()
        return (
            ("distance", "word_distance"),
            ("inside", "words_inside"),
            ("own inside", "own_words_inside"),
            ("words F1", "caption_word_f1"),
            ("regions", "region_exact"),
            ("P@0.5", "box_accuracy"),
            ("cIoU", "ciou"),
            *dense,
            ("boxes", "map_detection"),
        )

    @property
    def settings(self) -> dict[str, Any]:
        own = {"seed": self.seed, "size": list(self.size), "world": self.world}
        return own | scorer_settings(self.scorer)

    @cached_property
    def kinds(self) -> frozenset[str]:
        """Names of the world's kinds."""
        from segue.scenes.worlds import world

        return frozenset(world(self.world))

    def names(self) -> list[str]:
        return [str(seed) for seed in range(self.seed, self.seed + self.num)]

    def sample(self, name: str) -> Sample:
        """Turns: the caption to read, a caption, one region and one expression of each thing."""
        from segue.scenes.facts import make_described_scene

        image, record = make_described_scene(int(name), size=self.size, world_name=self.world)
        turns = [
            turn.model_copy(update={"type": kind}) for turn in record.dialogue for kind in (READ, CAPTION)
        ]
        for caption in record.captions:
            if caption.region is not None:
                own = region_turn(caption.text, caption.region, record)
                turns.append(own.model_copy(update={"type": REGION}))
        first = {each.ids[0]: each for each in reversed(record.expressions)}
        for number in sorted(first):
            turns.append(Turn(question=first[number].text, answer=str(number), type=LOCATE))
        return Sample(name, image, record, turns)

    def predict(
        self, predictor: Predictor, samples: Sequence[Sample], batch_size: int
    ) -> list[list[Prediction]]:
        """One prediction for each turn, then one for each thing found."""
        from dataclasses import replace

        from segue.evaluation.asking import see_all
        from segue.evaluation.forced_points import read_points
        from segue.pixelllm_predictor import PixelLLMPredictor

        asked = [replace(s, turns=[t for t in s.turns if t.type in (CAPTION, REGION)]) for s in samples]
        said = caption_turns(predictor, asked, batch_size)
        predictions = []
        for sample, picture, captions in zip(samples, see_all(predictor, samples), said, strict=True):
            rest = iter(captions)
            own = []
            for turn in sample.turns:
                if turn.type == READ:
                    own.append(read_points(predictor, picture, turn.answer))
                elif turn.type == LOCATE:
                    own.append(Prediction.from_answer(predictor.locate(picture, turn.question)))
                else:
                    own.append(next(rest))
            if isinstance(predictor, PixelLLMPredictor) and predictor.model.detector is not None:
                own += map(Prediction.from_answer, predictor.caption_dense(picture))
            predictions.append(own)
        return predictions

    def score(self, sample: Sample, predictions: Sequence[Prediction]) -> Row:
        record, masks = sample.record, object_masks(sample.record)
        ratios: Ratios = {}
        row: Row = {"regions": [], "located": [], "ratios": ratios}
        for turn, said in zip(sample.turns, predictions, strict=False):
            if turn.type == READ:
                distances, inside = _read(said, turn, record, masks)
                add_ratio(ratios, "word_distance", sum(distances), len(distances))
                add_ratio(ratios, "words_inside", sum(inside), len(inside))
            elif turn.type == CAPTION:
                row["caption"], row["reference"] = said.text, turn.answer
                own = list(self._own(said, record, masks))
                add_ratio(ratios, "own_words_inside", sum(own), len(own))
                add_ratio(ratios, "caption_word_f1", word_f1(said.text, [turn.answer]), 1)
                add_ratio(ratios, "caption_exact", _same(said.text, turn.answer), 1)
            elif turn.type == REGION:
                right = _same(said.text, turn.answer)
                row["regions"].append([said.text, turn.answer])
                add_ratio(ratios, "region_exact", right, 1)
            else:
                score = _located(said, int(turn.answer), record, masks)
                row["located"].append([turn.question, asdict(score)])
                add_ratio(ratios, "box_accuracy", score.box_iou > 0.5, 1)
        found = predictions[len(sample.turns) :]
        dense = self._dense.score(sample, found)
        row |= {"dense": dense, "finds": bool(found)}
        hits, expressions = ratios.get("", {}).get("box_accuracy", [0.0, 0.0])
        return row | {"score": hits / expressions if expressions else None}

    def summarise(self, rows: Iterable[Row]) -> dict[str, Any]:
        sums: dict[str, list[float]] = {}
        located: list[LocateScore] = []
        dense, finds = [], False
        for row in rows:
            for name, (part, whole) in row["ratios"].get("", {}).items():
                entry = sums.setdefault(name, [0.0, 0.0])
                entry[0] += part
                entry[1] += whole
            located += [LocateScore(**score) for _, score in row["located"]]
            dense.append(row["dense"])
            finds = finds or row["finds"]
        overall = {name: part / whole if whole else None for name, (part, whole) in sums.items()}
        overall |= {
            f"num_{name}": int(sums[name][1]) for name in ("words_inside", "region_exact") if name in sums
        }
        overall |= locate_metrics(located)
        if finds:
            overall |= self._dense.summarise(dense)["overall"]
        return {"overall": overall}

    @property
    def _dense(self) -> DenseCaptions:
        return DenseCaptions(self.name, self.protocol, (), self.scorer)  # type: ignore[arg-type]

    def _own(self, said: Prediction, record: Record, masks: dict[int, np.ndarray]) -> Iterable[bool]:
        """For every kind that the model's caption names: whether its point is on a thing of that kind."""
        for word in said.words:
            kind = word.text.lower()
            if kind not in self.kinds or word.point is None:
                continue
            right = [masks[entry.id] for entry in record.objects if entry.category == kind]
            yield any(point_inside(word.point, mask) for mask in right)


def _read(
    said: Prediction, turn: Turn, record: Record, masks: dict[int, np.ndarray]
) -> tuple[list[float], list[bool]]:
    """Of the given caption's pieces: how far from the trace they are, and whether names are inside."""
    side = max(record.width, record.height)
    distances, inside = [], []
    for piece in said.words:
        truth = next((own for own in turn.points if _touch(piece, own.span)), None)
        if piece.point is None or truth is None:
            continue
        distances.append(float(np.hypot(*np.subtract(piece.point, truth.point))) / side)
        phrase = next((own for own in turn.phrases if _touch(piece, own.span)), None)
        if phrase is not None:
            mask = target_mask(phrase.ids, masks, (record.height, record.width))
            inside.append(point_inside(piece.point, mask))
    return distances, inside


def _touch(piece: PointedWord, span: tuple[int, int]) -> bool:
    return piece.span[0] < span[1] and span[0] < piece.span[1]


def _located(said: Prediction, number: int, record: Record, masks: dict[int, np.ndarray]) -> LocateScore:
    thing = next(entry for entry in record.objects if entry.id == number)
    x, y, width, height = thing.bbox
    target = next((own for own in said.targets if not own.rejected), None)
    return score_located(
        None if target is None else target.box_of,
        (x, y, x + width, y + height),
        mask=None if target is None else target.mask,
        truth_mask=masks[number],
    )


def _same(text: str, reference: str) -> bool:
    return same_text(text.lower().rstrip("."), reference.lower().rstrip("."))
