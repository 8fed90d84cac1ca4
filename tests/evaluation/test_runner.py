"""The runner, on a benchmark of numbers: rows, resumption, settings, failures, processes."""

import json
import tracemalloc
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pytest

from segue.data.native import Turn
from segue.errors import CapabilityError, DataError, SegueError
from segue.evaluation.asking import ask_all
from segue.evaluation.prediction import Prediction
from segue.evaluation.processes import Process
from segue.evaluation.rows import RowFile, fold_parts, part_path, read_rows, write_rows
from segue.evaluation.runner import Sample, run


@dataclass
class Counting:
    """Samples "0", "1" ...; the figure is the texts of all answers."""

    num: int
    make_record: object
    num_turns: int = 2
    name: str = "counting"
    protocol: str = "free"
    settings: dict = field(default_factory=lambda: {"seed": 7})
    broken: frozenset = frozenset()

    def names(self):
        return [str(i) for i in range(self.num)]

    def sample(self, name):
        if name in self.broken:
            raise DataError(f"record {name} has no picture")
        turns = [Turn(question=f"question {name} {i}", answer="yes") for i in range(self.num_turns)]
        return Sample(name, np.zeros((6, 8, 3), np.uint8), self.make_record({}), turns)

    def predict(self, predictor, samples, batch_size):
        return ask_all(predictor, samples, batch_size)

    def score(self, sample, predictions):
        return {"score": 0.5, "texts": [prediction.text for prediction in predictions]}

    def summarise(self, rows):
        return {"texts": [text for row in rows for text in row["texts"]]}


@pytest.fixture
def model(prepared_model, make_answer):
    return prepared_model(lambda question: make_answer(question.upper()))


@pytest.fixture
def start(make_record, model, tmp_path):
    """`start(3)` runs three samples in `tmp_path`; keyword arguments are the runner's."""

    def begin(num, *, output=tmp_path, predict=None, which=None, benchmark=None, **arguments):
        benchmark = benchmark or Counting(num, make_record)
        predict = predict or partial(benchmark.predict, model, batch_size=4)
        return run(benchmark, predict, model=which or {"name": "m"}, output=output, **arguments)

    return begin


def test_a_run_writes_rows_and_a_summary(tmp_path, start):
    done = []
    summary = start(3, progress=done.append)
    assert summary["figures"]["texts"] == [f"QUESTION {s} {t}" for s in range(3) for t in range(2)]
    assert summary == json.loads((tmp_path / "summary.json").read_text())
    rows = list(read_rows(tmp_path / "rows.jsonl"))
    assert [row["name"] for row in rows] == ["0", "1", "2"]
    assert [p["text"] for p in rows[1]["predictions"]] == ["QUESTION 1 0", "QUESTION 1 1"]
    expected = {"benchmark": "counting", "protocol": "free", "model": {"name": "m"}, "seed": 7}
    assert summary["settings"] == expected
    assert {"segue", "python", "torch", "pycocotools"} <= summary["versions"].keys()
    assert done[-1] == 3
    assert json.loads((tmp_path / "timing.json").read_text())["processes"] == 1


@pytest.mark.parametrize("killed_after", [0, 8, 16])
def test_a_killed_run_ends_in_the_same_summary(tmp_path, start, model, killed_after):
    class KilledError(BaseException):
        pass

    def kill(done):
        if done >= killed_after:
            raise KilledError

    with pytest.raises(KilledError):
        start(20, progress=kill)
    with part_path(tmp_path, 0).open("a") as file:
        file.write('{"name": "19", "texts": ["cut sh')  # as a kill in the middle of a line leaves it
    asked_before = len(model.asked)
    start(20)
    assert asked_before == 2 * killed_after
    assert len(model.asked) == 40  # no whole group twice
    start(20, output=tmp_path / "other")
    names = ("summary.json", "settings.json")
    assert [(tmp_path / n).read_bytes() for n in names] == [
        (tmp_path / "other" / n).read_bytes() for n in names
    ]
    assert len((tmp_path / "rows.jsonl").read_text().splitlines()) == 20


def test_a_group_that_was_cut_is_done_again(tmp_path, start, model):
    """The make-up of a batch decides how numbers are rounded, so groups are whole or not there."""
    start(12)
    lines = (tmp_path / "rows.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "rows.jsonl").write_text("".join(lines[:10]))
    model.asked.clear()
    start(12)
    assert sorted({question.split()[1] for question in model.asked}) == ["10", "11", "8", "9"]


def test_more_samples_reuse_the_rows(tmp_path, start, model):
    start(8)
    assert start(11)["num_samples"] == 11
    assert len(model.asked) == 22
    assert start(3)["num_samples"] == 3
    assert len(model.asked) == 22


def test_a_folder_belongs_to_one_set_of_settings(start, make_record):
    start(1, which={"sha256": "a"})
    with pytest.raises(DataError, match=r"model: \{'sha256': 'a'\}, now \{'sha256': 'b'\}"):
        start(1, which={"sha256": "b"})
    with pytest.raises(DataError, match="seed: 7, now 8"):
        start(1, which={"sha256": "a"}, benchmark=Counting(1, make_record, settings={"seed": 8}))


def test_several_processes_share_the_groups(tmp_path, start):
    """Run one after the other here: the last to come is the main one, which folds and sums up."""
    alone = start(30, output=tmp_path / "alone")

    class Waiting(Process):
        def wait(self):
            pass

    (tmp_path / "shared").mkdir()
    with pytest.raises(FileNotFoundError):  # no summary yet
        start(30, output=tmp_path / "shared", process=Waiting(1, 2))
    written = [row["name"] for row in read_rows(part_path(tmp_path / "shared", 1))]
    assert written == [str(i) for i in (*range(8, 16), *range(24, 30))]
    together = start(30, output=tmp_path / "shared", process=Waiting(0, 2))
    assert together == alone
    assert [p.name for p in (tmp_path / "shared").glob("rows*")] == ["rows.jsonl"]


# ---------------------------------------------------------------- failures


def test_failures_are_recorded_and_counted(tmp_path, start, make_record, model):
    def predict(samples):
        if any(sample.name == "4" for sample in samples):
            raise RuntimeError("out of memory")
        return ask_all(model, samples, 4)

    benchmark = Counting(12, make_record, broken=frozenset({"9"}))
    summary = start(12, benchmark=benchmark, predict=predict)
    assert (summary["num_samples"], summary["num_failed"], summary["num_unscored"]) == (12, 2, 1)
    assert summary["failures"] == [
        {"name": "4", "failed": "RuntimeError: out of memory"},
        {"name": "9", "failed": "DataError: record 9 has no picture"},
    ]
    # What failed in the model is scored as an answer without words; a record without labels cannot be.
    texts = summary["figures"]["texts"]
    assert texts[8:10] == ["", ""]
    assert len(texts) == 22
    # They stay so, unless asked for again.
    assert start(12, benchmark=benchmark) == summary
    assert start(12, benchmark=benchmark, retry=True)["num_failed"] == 1


def test_nothing_but_failures_ends_the_run(start):
    def predict(samples):
        raise ValueError("the picture cannot be read")

    with pytest.raises(SegueError, match=r"the first 16 samples all failed; .*the picture cannot be read"):
        start(40, predict=predict)


def test_what_the_model_cannot_do_at_all_ends_it_at_once(start):
    def predict(samples):
        raise CapabilityError("this family sees no boxes")

    with pytest.raises(CapabilityError, match="sees no boxes"):
        start(40, predict=predict)


def test_a_sample_without_prediction_counts_as_failed(start, make_record):
    summary = start(12, predict=lambda samples: [None] * len(samples))
    assert summary["num_failed"] == 12
    assert summary["failures"][0] == {"name": "0", "failed": "no prediction"}


# ---------------------------------------------------------------- rows


def test_a_broken_row_is_named(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"name": "0"}\nnot json\n')
    with pytest.raises(DataError, match=r"rows\.jsonl, line 2: not a row of JSON"):
        fold_parts(tmp_path)


def test_parts_are_folded_in_order(tmp_path):
    write_rows(tmp_path / "rows.jsonl", [{"name": "b", "v": 1}, {"name": "x", "v": 1}])
    write_rows(part_path(tmp_path, 1), [{"name": "a", "v": 2}, {"name": "b", "v": 2}])
    assert fold_parts(tmp_path, ["a", "b", "c"]) == {"a", "b", "x"}
    rows = list(read_rows(tmp_path / "rows.jsonl"))
    assert [(row["name"], row["v"]) for row in rows] == [("a", 2), ("b", 2), ("x", 1)]  # the later row counts
    assert [row["v"] for row in RowFile(tmp_path, ["x", "a"])] == [1, 2]
    with pytest.raises(DataError, match=r"has no row for 1 samples \(c\)"):
        RowFile(tmp_path, ["c"])


def test_memory_stays_flat(tmp_path, make_record):
    """Ten times the samples, each with a row of 40 kB, and no more memory than a few groups."""

    class Heavy(Counting):
        def score(self, sample, predictions):
            return {"score": 1.0, "texts": []}

    def peak(num: int) -> int:
        heavy = Prediction("x" * 40_000)
        benchmark = Heavy(num, make_record, num_turns=1)
        tracemalloc.start()
        run(benchmark, lambda s: [[heavy]] * len(s), model={}, output=tmp_path / str(num))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(8)
    assert peak(320) < 1.5 * peak(32)


# ---------------------------------------------------------------- asking


def test_questions_go_by_kind_and_length_and_come_back_in_place(model, make_record):
    turns = [
        Turn(question="a longer question", answer="x", type="b"),
        Turn(question="b", answer="x", type="b", region=[1, 2, 3, 4]),
        Turn(question="c", answer="x", type="a"),
    ]
    sample = Sample("s", np.zeros((6, 8, 3), np.uint8), make_record({}), turns)
    [answers] = ask_all(model, [sample], batch_size=8)
    assert [answer.text for answer in answers] == ["A LONGER QUESTION", "B", "C"]
    assert model.asked == ["c", "b", "a longer question"]
    assert model.regions == [None, (1, 2, 4, 6), None]
