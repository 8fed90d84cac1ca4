"""The runner, on a benchmark of numbers: rows, resumption, settings, batches."""

import json
from dataclasses import dataclass, field

import numpy as np
import pytest

from segue.data.native import Turn
from segue.errors import DataError
from segue.evaluation.runner import Sample, ask_all, read_rows, run


@dataclass
class Counting:
    """Samples "0", "1" ...; the figure is the sum of the lengths of all answers."""

    num: int
    make_record: object
    num_turns: int = 2
    name: str = "counting"
    settings: dict = field(default_factory=lambda: {"seed": 7})

    def names(self):
        return [str(i) for i in range(self.num)]

    def sample(self, name):
        turns = [Turn(question=f"question {name} {i}", answer="yes") for i in range(self.num_turns)]
        return Sample(name, np.zeros((6, 8, 3), np.uint8), self.make_record({}), turns)

    def row(self, sample, answers):
        return {"texts": [answer.text for answer in answers]}

    def summarise(self, rows):
        return {"texts": [text for row in rows for text in row["texts"]]}


@pytest.fixture
def model(prepared_model, make_answer):
    return prepared_model(lambda question: make_answer(question.upper()))


def test_a_run_writes_rows_and_a_summary(tmp_path, model, make_record):
    done = []
    summary = run(Counting(3, make_record), model, model={"name": "m"}, output=tmp_path, progress=done.append)
    assert summary["figures"]["texts"] == [f"QUESTION {s} {t}" for s in range(3) for t in range(2)]
    assert summary == json.loads((tmp_path / "summary.json").read_text())
    assert [row["name"] for row in read_rows(tmp_path / "rows.jsonl")] == ["0", "1", "2"]
    assert summary["settings"] == {"benchmark": "counting", "model": {"name": "m"}, "seed": 7}
    assert {"segue", "python", "torch"} <= summary["versions"].keys()
    assert done[-1] == 3


def test_questions_of_several_pictures_share_a_batch(tmp_path, model, make_record):
    run(Counting(5, make_record), model, model={}, output=tmp_path, batch_size=4)
    assert model.batches == [4, 4, 2]


def test_questions_of_one_picture_are_cut_into_batches(tmp_path, model, make_record):
    run(Counting(1, make_record, num_turns=5), model, model={}, output=tmp_path, batch_size=2)
    assert model.batches == [2, 2, 1]


def test_a_stopped_run_goes_on(tmp_path, model, make_record):
    class StoppedError(Exception):
        pass

    def stop(done):
        if done == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        run(Counting(4, make_record), model, model={}, output=tmp_path, batch_size=2, progress=stop)
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('{"name": "2", "texts": ["cut sh')  # as a kill in the middle of a line leaves it
    asked_before = sum(model.batches)

    resumed = run(Counting(4, make_record), model, model={}, output=tmp_path, batch_size=2)
    whole = run(Counting(4, make_record), model, model={}, output=tmp_path / "other", batch_size=2)
    assert resumed["figures"] == whole["figures"]
    assert asked_before == 4
    assert sum(model.batches) == 4 + 4 + 8


def test_more_samples_reuse_the_rows(tmp_path, model, make_record):
    run(Counting(2, make_record), model, model={}, output=tmp_path)
    summary = run(Counting(3, make_record), model, model={}, output=tmp_path)
    assert summary["num_samples"] == 3
    assert sum(model.batches) == 6
    assert run(Counting(1, make_record), model, model={}, output=tmp_path)["num_samples"] == 1


def test_a_folder_belongs_to_one_set_of_settings(tmp_path, model, make_record):
    run(Counting(1, make_record), model, model={"sha256": "a"}, output=tmp_path)
    with pytest.raises(DataError, match=r"model: \{'sha256': 'a'\}, now \{'sha256': 'b'\}"):
        run(Counting(1, make_record), model, model={"sha256": "b"}, output=tmp_path)
    with pytest.raises(DataError, match="seed: 7, now 8"):
        run(Counting(1, make_record, settings={"seed": 8}), model, model={"sha256": "a"}, output=tmp_path)


def test_a_broken_row_is_named(tmp_path):
    (tmp_path / "rows.jsonl").write_text("{}\nnot json\n")
    with pytest.raises(DataError, match=r"rows\.jsonl holds a line that is not JSON"):
        read_rows(tmp_path / "rows.jsonl")


def test_regions_are_asked_alone_and_as_corners(model, make_record):
    turns = [
        Turn(question="a", answer="x"),
        Turn(question="b", answer="x", region=[1, 2, 3, 4]),
        Turn(question="c", answer="x"),
    ]
    sample = Sample("s", np.zeros((6, 8, 3), np.uint8), make_record({}), turns)
    [answers] = ask_all(model, [sample], batch_size=8)
    assert [answer.text for answer in answers] == ["A", "B", "C"]
    assert model.batches == [2]
    assert model.regions == [(1, 2, 4, 6)]
