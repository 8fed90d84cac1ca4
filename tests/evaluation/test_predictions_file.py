"""Other people's predictions in every form that is taken, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from segue.data.native import Expression, Phrase, Turn, encode_mask
from segue.errors import DataError
from segue.evaluation.prediction import Prediction
from segue.evaluation.predictions_file import PredictionsFile
from segue.evaluation.runner import Sample


@pytest.fixture
def cat(box_mask):
    return box_mask(0, 0, 4, 3)


@pytest.fixture
def dog(box_mask):
    return box_mask(4, 3, 8, 6)


@pytest.fixture
def sample(make_record, cat, dog):
    """Two expressions of one picture, one question each."""
    record = make_record({"cat": cat, "dog": dog}, image="val/COCO_val_000000000042.jpg").model_copy(
        update={
            "expressions": [
                Expression(text="The cat", ids=[1], id=70),
                Expression(text="a dog.", ids=[2], id=71),
            ]
        }
    )
    turns = [
        Turn(
            question=f"Where is {name}?", answer=f"{name}.", phrases=[Phrase(span=(0, len(name)), ids=[id_])]
        )
        for name, id_ in (("the cat", 1), ("a dog", 2))
    ]
    return Sample("000007", np.zeros((6, 8, 3), np.uint8), record, turns)


@pytest.fixture
def read(tmp_path):
    """`read([...])` writes JSON lines, `read({...})` or `read([...], lines=False)` one JSON value."""

    def write(content, *, lines=True) -> PredictionsFile:
        path = tmp_path / "theirs.jsonl"
        text = "\n".join(map(json.dumps, content)) if lines else json.dumps(content)
        path.write_text(text + "\n")
        return PredictionsFile(path)

    return write


def masks(predictions: list[Prediction]) -> list[list]:
    return [[target.mask for target in prediction.targets] for prediction in predictions]


def counts_of(mask) -> dict:
    """COCO's plain counts."""
    flat = mask.T.ravel().astype(int)
    ends = [0, *(np.flatnonzero(np.diff(flat)) + 1), flat.size]
    counts = np.diff(ends).tolist()
    return {"size": list(mask.shape), "counts": counts if not flat[0] else [0, *counts]}


FORMS = {
    # by name and the number of the question
    "turn": lambda cat, dog: [
        {"name": "000007", "turn": 1, "mask": encode_mask(dog)},
        {"name": "000007", "turn": 0, "mask": encode_mask(cat)},
    ],
    # by file name and the expression's words, whatever their case and full stop
    "expression": lambda cat, dog: [
        {"image": "COCO_val_000000000042.jpg", "expression": "the cat.", "mask": encode_mask(cat)},
        {"image": "x/COCO_val_000000000042.jpg", "expression": "A DOG", "mask": encode_mask(dog)},
    ],
    # by COCO's number and the sentence's
    "sent_id": lambda cat, dog: [
        {"image_id": 42, "sent_id": 71, "segmentation": counts_of(dog)},
        {"image_id": 42, "sent_id": 70, "segmentation": counts_of(cat)},
    ],
    # by the question as it was put, in the form of an answer
    "question": lambda cat, dog: [
        {"image_id": "42", "question": "Where is the cat?", "segments": [{"mask": encode_mask(cat)}]},
        {"image_id": "42", "question": "Where is a dog?", "segments": [{"mask": encode_mask(dog)}]},
    ],
    # polygons
    "polygons": lambda cat, dog: [
        {"image_id": 42, "sent_id": 70, "segmentation": [[0, 0, 4, 0, 4, 3, 0, 3]]},
        {"image_id": 42, "sent_id": 71, "segmentation": [[4, 3, 8, 3, 8, 6, 4, 6]]},
    ],
    # a run's rows
    "rows": lambda cat, dog: [
        {
            "name": "000007",
            "predictions": [{"text": "", "segments": [{"mask": encode_mask(m)}]} for m in (cat, dog)],
        }
    ],
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(read, sample, cat, dog, form):
    [predictions] = read(FORMS[form](cat, dog))([sample])
    assert [[(mask == true).all() for mask, true in zip(own, [truth], strict=True)] for own, truth in zip(
        masks(predictions), (cat, dog), strict=True)] == [[True], [True]]  # fmt: skip


def test_coco_results_and_whole_coco_files(read, sample, cat, dog):
    results = [
        {"image_id": 42, "category": "the cat", "segmentation": encode_mask(cat), "score": 0.9},
        {"image_id": 42, "category": "a dog", "bbox": [4, 3, 4, 3], "score": 0.5},
    ]
    [[first, second]] = read(results, lines=False)([sample])
    assert (first.targets[0].mask == cat).all()
    assert first.targets[0].score == 0.9
    assert second.targets[0].box_of == (4, 3, 8, 6)  # a box alone
    whole = {
        "images": [{"id": 1, "file_name": "COCO_val_000000000042.jpg"}],
        "categories": [{"id": 5, "name": "a dog"}],
        "annotations": [{"image_id": 1, "category_id": 5, "segmentation": encode_mask(dog)}],
    }
    [[first, second]] = read(whole, lines=False)([sample])
    assert first.targets == ()
    assert (second.targets[0].mask == dog).all()


def test_rejections_and_answers_without_anything(read, sample):
    [[first, second]] = read(
        [{"name": "000007", "turn": 0, "rejected": True}, {"name": "000007", "turn": 1, "text": "None."}]
    )([sample])
    assert [target.rejected for target in first.targets] == [True]
    assert (second.text, second.targets) == ("None.", ())


def test_several_targets_in_one_question_stay_in_order(read, sample, cat, dog):
    answer = "the cat and a dog."
    phrases = [Phrase(span=(0, 7), ids=[1]), Phrase(span=(12, 17), ids=[2])]
    both = Sample(
        sample.name,
        sample.image,
        sample.record,
        [Turn(question="Where are they?", answer=answer, phrases=phrases)],
    )
    [[prediction]] = read(
        [
            {"name": "000007", "expression": "a dog", "mask": encode_mask(dog[:, ::-1])},
            {"name": "000007", "expression": "a dog", "mask": encode_mask(dog)},
        ]
    )([both])
    assert prediction.targets[0].rle is None
    assert (prediction.targets[1].mask == (dog | dog[:, ::-1])).all()  # two masks for one: their union


def test_a_picture_without_predictions(read, sample):
    assert read([{"name": "other", "turn": 0, "rejected": True}])([sample]) == [None]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([{"turn": 0, "mask": None}], "entry 1: which picture"),
        ([{"name": "000007", "expression": "the cow", "rejected": True}], "fits none of the picture's 2"),
        ([{"name": "000007", "rejected": True}], "for no question fits none"),  # two questions
        ([{"name": "000007", "turn": 0, "mask": {"size": [6, 8]}}], "not a prediction .no 'counts'"),
        ([{"name": "000007", "turn": 0, "mask": "x"}], "not a prediction"),
        ([{"name": "000007", "turn": 0, "bbox": [1, 2]}], "not a prediction"),
        ([{"name": "000007", "predictions": [{}]}], "1 predictions for 2 questions"),
        ([], "holds no predictions|not readable"),
    ],
)
def test_what_cannot_be_scored_is_named(read, sample, content, message):
    with pytest.raises(DataError, match=message):
        read(content)([sample])


def test_a_file_that_is_no_json(tmp_path):
    (tmp_path / "a.jsonl").write_text("masks\n")
    with pytest.raises(DataError, match=r"a\.jsonl: not readable as JSON"):
        PredictionsFile(tmp_path / "a.jsonl")
    with pytest.raises(DataError, match=r"b\.jsonl: not readable"):
        PredictionsFile(tmp_path / "b.jsonl")


def test_a_prediction_comes_back_from_its_json(make_answer, cat):
    answer = make_answer("The cat, no dog.", {"cat": cat, "dog": None}, {"The": (1, 2)})
    prediction = Prediction.from_answer(answer)
    assert Prediction.from_dict(json.loads(json.dumps(prediction.to_dict())), where="here") == prediction
    assert Prediction.from_dict(answer.to_dict(), where="here") == prediction
    assert prediction.targets[0].box_of == (0, 0, 4, 3)
    assert coco_mask.area(prediction.targets[0].rle) == 12
