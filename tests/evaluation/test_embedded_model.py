"""The model that ships with the package through every benchmark, in both protocols, two samples of each.

Here is one split of every benchmark; that all splits are read, and scored as their protocols say, is shown
without a model (`test_benchmarks`, `test_caption_benchmarks`, `test_muse_benchmark`).
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import pytest

import segue
from segue.errors import CapabilityError
from segue.evaluation.benchmarks import BenchmarkInfo, Setup, all_benchmarks, get_benchmark, open_benchmark
from segue.evaluation.predictions_file import PredictionsFile
from segue.evaluation.rows import read_rows
from segue.evaluation.runner import run
from segue.evaluation.wording import family_of
from tests.evaluation import caption_data, muse_data, photograph_data, small_data

pytest.importorskip("nltk", reason="needs the extra `captions`")

NAMES = (
    "reasonseg-val",
    "refcoco-unc-testA",
    "refcoco+-unc-val",
    "refcocog-umd-val",
    "grefcoco-val",
    "refzom-test",
    "multirefcoco-unc-val",
    "multirefcoco+-unc-val",
    "multirefcocog-umd-val",
    "semantic-ade20k-val",
    "semantic-cocostuff-val",
    "semantic-mapillary-val",
    "semantic-pascal-part-val",
    "semantic-paco-lvis-val",
    "muse-val",
    "muse-test",
    "vg-captions",
    "refcocog-captions",
    "localized-narratives-coco-val",
    "coco-captions-test",
    "scenes",
    "photographs",
)
LACKING = ("vg-dense-captions",)  # segue/mini has no proposals
OTHERS = ("scenes-words",)  # of its own family


@pytest.fixture(scope="module")
def roots(tmp_path_factory) -> dict[str, Path]:
    """A data root for each kind of benchmark: the sets share names of pictures, which differ in size."""
    writers = {
        "captions": caption_data.write_all,
        "muse": muse_data.write_all,
        "photographs": photograph_data.write_all,
        "": small_data.write_all,
    }
    found = {}
    for kind, write in writers.items():
        found[kind] = tmp_path_factory.mktemp(kind or "segmentation")
        write(found[kind])
    return found


@pytest.fixture(scope="module")
def mini():
    return segue.load("segue/mini", device="cpu")


class FirstSamples:
    """A benchmark of which only the first samples are there."""

    def __init__(self, benchmark, num: int):
        self._benchmark, self._num = benchmark, num

    def names(self) -> list[str]:
        return list(self._benchmark.names())[: self._num]

    def __getattr__(self, name: str):
        return getattr(self._benchmark, name)


def opened(roots: dict[str, Path], name: str, protocol: str, family: str) -> FirstSamples:
    info = get_benchmark(name)
    captions = "captions" in info.options
    kind = "captions" if captions else next(kind for kind in roots if name.startswith(kind))
    options = {"captions": "python"} if captions else {}
    root = roots[kind] if info.needs_data else None
    return FirstSamples(open_benchmark(info, Setup(root, protocol, family, num=2, options=options)), 2)


def kind_of(info: BenchmarkInfo) -> tuple:
    """What makes it, and of which set; splits are alike."""
    return (info.open.func if isinstance(info.open, partial) else info.open), info.source


def test_no_benchmark_is_left_out():
    listed = {kind_of(get_benchmark(name)) for name in (*NAMES, *LACKING, *OTHERS)}
    assert listed == {kind_of(info) for info in all_benchmarks()}


@pytest.mark.parametrize("protocol", ["free", "paper"])
@pytest.mark.parametrize("name", NAMES)
def test_it_is_asked_and_scored(roots, mini, tmp_path, name, protocol):
    family = family_of(mini)
    benchmark = opened(roots, name, protocol, family)
    summary = run(
        benchmark, partial(benchmark.predict, mini, batch_size=8), model={}, output=tmp_path / "out"
    )
    assert 1 <= summary["num_samples"] <= 2
    assert summary["num_failed"] == 0
    rows = list(read_rows(tmp_path / "out/rows.jsonl"))
    assert {row["protocol"] for row in rows} == {protocol}
    said = [prediction for row in rows for prediction in row["predictions"]]
    assert any(prediction["text"] or prediction.get("segments") for prediction in said)
    overall = summary["figures"]["overall"]
    assert all(math.isfinite(value) for value in overall.values() if isinstance(value, float))
    # What it said is a file of predictions, which scores the same without it.
    again = opened(roots, name, protocol, family)
    file = PredictionsFile(tmp_path / "out/rows.jsonl")
    rescored = run(again, file, model={}, output=tmp_path / "again")
    assert without_logits(rescored["figures"]) == without_logits(summary["figures"])


def without_logits(figures: dict) -> dict:
    """Without MUSE's variant of the released code, which reads each answer again by the model."""
    groups = {"overall": {"": figures["overall"]}, "by_kind": figures.get("by_kind", {})}
    return {
        name: {kind: {key: own[key] for key in own if key != "released"} for kind, own in found.items()}
        for name, found in groups.items()
    }


@pytest.mark.parametrize("protocol", ["free", "paper"])
def test_dense_captions_are_refused_in_one_line(roots, mini, tmp_path, protocol):
    benchmark = opened(roots, *LACKING, protocol, family_of(mini))
    with pytest.raises(CapabilityError, match="dense captions need"):
        run(benchmark, partial(benchmark.predict, mini, batch_size=8), model={}, output=tmp_path)
