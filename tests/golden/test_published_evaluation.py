"""The protocol `paper` from pictures and files to figures, against runs of LISA's and GSVA's own evaluation.

`python -m tests.golden.test_published_evaluation` writes `evaluation.json` from the full parity sets: the
labels, and what the official code made of them (LISA's gIoU and cIoU; GSVA's decisions and, after its second
reading, masks).
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import segue
from segue.data.native import Expression, ObjectRecord, Record, decode_mask, encode_mask, mask_box
from segue.evaluation.benchmarks import Setup
from segue.evaluation.benchmarks.grefcoco import BENCHMARKS as GREFCOCO_SETS
from segue.evaluation.metrics import GREFCOCO, LISA, Tally, score_target
from segue.evaluation.rows import read_rows
from segue.evaluation.runner import run
from segue.evaluation.segmentation import SegmentationBenchmark
from segue.evaluation.wording import family_of, referring_turns
from tests.golden.trim import HERE, WEIGHTS, unpack

FILE = HERE / "evaluation.json"


class Records(list):
    folder = HERE


def load(name: str, folder: Path):
    for file in ("config.json", "segue_tokenizer.json", "tokenizer.model"):
        (folder / file).write_bytes((HERE / name / file).read_bytes())
    (folder / WEIGHTS).write_bytes(unpack((HERE / name / "weights.xz").read_bytes()))
    return segue.load(folder, device="cpu")


def record(name: str, masks, texts, ignore=None) -> Record:
    """One picture; a mask without pixels is an expression for what is not there."""
    height, width = masks[0].shape
    objects = [
        ObjectRecord(id=i, category="thing", segmentation=encode_mask(mask), bbox=mask_box(mask))
        for i, mask in enumerate(masks)
    ]
    return Record(
        image=f"{name}/image.png",
        width=width,
        height=height,
        objects=objects,
        expressions=[
            Expression(text=text, ids=[i] if mask.any() else [])
            for i, (text, mask) in enumerate(zip(texts, masks, strict=True))
        ],
        ignore=None if ignore is None else encode_mask(ignore),
    )


def evaluate(predictor, records, tmp_path, **fields):
    family = family_of(predictor)
    benchmark = SegmentationBenchmark(
        "golden",
        "paper",
        Records(records),
        lambda r: referring_turns(r.expressions, family=family, protocol="paper"),
        family=family,
        **fields,
    )
    summary = run(
        benchmark, partial(benchmark.predict, predictor, batch_size=4), model={}, output=tmp_path / "run"
    )
    assert summary["num_failed"] == 0
    return summary["figures"]["overall"], list(read_rows(tmp_path / "run/rows.jsonl"))


@pytest.fixture
def golden():
    return json.loads(FILE.read_text())


def decoded(entry) -> np.ndarray:
    return decode_mask(entry, *entry["size"])


def test_lisa_prints_these_figures(golden, tmp_path):
    facts = golden["lisa"]
    records = [
        record("lisa", [decoded(sample["target"])], [sample["text"]], decoded(sample["ignore"]))
        for sample in facts["samples"]
    ]
    figures, _ = evaluate(load("lisa", tmp_path), records, tmp_path, rules=LISA)
    # A few pixels flip by rounding, see the README.
    assert figures["giou"] == pytest.approx(facts["giou"], abs=5e-4)
    assert figures["ciou"] == pytest.approx(facts["ciou"], abs=5e-4)


def test_gsva_decides_and_segments_so(golden, tmp_path):
    facts = golden["gsva"]
    truths = [decoded(entry) for entry in facts["targets"]]
    figures, [row] = evaluate(
        load("gsva", tmp_path),
        [record("gsva", truths, facts["texts"])],
        tmp_path,
        rules=GREFCOCO,
        at_zero=True,
    )
    [prediction] = row["predictions"]
    assert "".join("R" if target["rejected"] else "S" for target in prediction["segments"]) == facts["kinds"]
    masks = [decoded(target["mask"]) for target in prediction["segments"]]
    official = [decoded(entry) for entry in facts["masks"]]
    for mask, expected in zip(masks, official, strict=True):
        assert (mask != expected).mean() <= 2e-4
    # And the figures are what the official masks and decisions give.
    scores = [
        score_target(mask, truth, rejected=kind == "R", protocol=GREFCOCO)
        for mask, truth, kind in zip(official, truths, facts["kinds"], strict=True)
    ]
    expected = Tally.of(scores).metrics(GREFCOCO).to_dict()
    for figure in ("giou", "ciou", "n_acc", "t_acc"):
        assert figures[figure] == pytest.approx(expected[figure], abs=5e-4), figure


def test_the_benchmark_has_the_rules_that_were_recorded(monkeypatch):
    """grefcoco for GSVA is scored as above, for LISA by the rule of 50 pixels."""
    monkeypatch.setattr(type(GREFCOCO_SETS[0]), "records", lambda *_: Records())
    opened = [
        GREFCOCO_SETS[0].open(Setup(data=HERE, protocol="paper", family=family))
        for family in ("gsva", "lisa")
    ]
    assert [(own.rules.name, own.at_zero) for own in opened] == [("grefcoco", True), ("rela", False)]


def write() -> None:
    """From the parity sets beside the repository."""
    parity = HERE.parents[2] / "shared" / "parity"
    lisa, gsva = (
        SimpleNamespace(
            arrays=np.load(parity / name / "expected.npz"),
            facts=json.loads((parity / name / "expected.json").read_text()),
        )
        for name in ("lisa", "gsva")
    )
    val, case = lisa.facts["val"], gsva.facts["cases"]["v1"]
    texts = [text.split("What is ")[1].split(" in this image?")[0] for text in val["conversations"]]
    samples = [
        {"text": text, "target": encode_mask(mask == 1), "ignore": encode_mask(mask == 255)}
        for text, mask in zip(texts, lisa.arrays["val/gt_masks"], strict=True)
    ]
    content = {
        "lisa": {"samples": samples, "giou": val["giou"], "ciou": val["ciou"]},
        "gsva": {
            "texts": case["refs"],
            "targets": [encode_mask(mask == 1) for mask in gsva.arrays["v1/gt_masks"]],
            "kinds": case["reeval"]["pred_kinds"],
            "masks": [encode_mask(mask > 0) for mask in gsva.arrays["v1/reeval/binary_masks_ge0"]],
        },
    }
    FILE.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    write()
