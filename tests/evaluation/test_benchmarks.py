"""Every benchmark on small files of the official form: perfect, empty, generated and given answers."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from segue.cli.main import main
from segue.data.native import encode_mask
from segue.errors import CapabilityError, DataError
from segue.evaluation.benchmarks import Setup, all_benchmarks, get_benchmark, open_benchmark
from segue.evaluation.benchmarks.semantic import class_expressions
from segue.evaluation.prediction import EMPTY, Prediction, Target
from segue.evaluation.predictions_file import PredictionsFile
from segue.evaluation.rows import read_rows
from segue.evaluation.runner import run
from segue.evaluation.segmentation import SegmentationBenchmark, Truths
from segue.evaluation.wording import family_of
from segue.predictor import Predictor
from tests.evaluation import small_data
from tests.modeling.speaking import speaking_predictor
from tests.modeling.tiny_lisa import tiny_lisa

OURS = ("reasonseg", "refcoco", "refcoco+", "grefcoco", "refzom", "multi", "semantic")
INFOS = {
    info.name: info
    for info in all_benchmarks()
    if info.name.startswith(OURS) and "captions" not in info.name  # those are in test_caption_benchmarks
}
ONE_OF_EACH = (
    "reasonseg-test",
    "refcoco-unc-testA",
    "refcocog-umd-val",
    "grefcoco-val",
    "refzom-test",
    "multirefcoco-unc-val",
    "semantic-ade20k-val",
)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("dataset")
    small_data.write_all(root)
    return root


def opened(root: Path, name: str, protocol: str, *, family: str = "", **fields) -> SegmentationBenchmark:
    return open_benchmark(INFOS[name], Setup(data=root, protocol=protocol, family=family, **fields))


def perfect(benchmark: SegmentationBenchmark, samples) -> list[list[Prediction]]:
    """The labels as predictions, an absent target rejected."""
    predictions = []
    for sample in samples:
        truths = Truths(sample.record)
        predictions.append(
            [
                Prediction(
                    turn.answer,
                    tuple(
                        Target(rle=encode_mask(truths.mask(phrase.ids)))
                        if phrase.ids
                        else Target(rejected=True)
                        for phrase in turn.phrases
                    ),
                )
                for turn in sample.turns
            ]
        )
    return predictions


def nothing(samples) -> list[list[Prediction]]:
    return [[EMPTY] * len(sample.turns) for sample in samples]


# ---------------------------------------------------------------- the table: perfect is 1, empty what it is


@pytest.mark.parametrize(
    ("name", "protocol", "family"),
    [(name, protocol, "") for name in INFOS for protocol in ("free", "paper")]
    # the rules differ where things may be absent
    + [(name, "paper", family) for name in ("grefcoco-val", "refzom-test") for family in ("lisa", "gsva")],
)
def test_a_perfect_prediction_scores_one(root, tmp_path, name, protocol, family):
    benchmark = opened(root, name, protocol, family=family)
    summary = run(benchmark, partial(perfect, benchmark), model={}, output=tmp_path)
    assert summary["num_failed"] == 0
    assert summary["num_samples"] >= 1
    for group in [summary["figures"]["overall"], *summary["figures"]["by_kind"].values()]:
        assert group["num_present"] + group["num_absent"] > 0
        for figure in ("giou", "giou_present", "ciou", "n_acc", "t_acc", "box_accuracy", "miou"):
            # The papers' epsilons stand in their denominators.
            assert group.get(figure) in (None, pytest.approx(1, abs=1e-4)), figure
        assert set(group["precision"].values()) <= {1.0}
    overall = summary["figures"]["overall"]
    assert overall["giou"] == pytest.approx(1, abs=1e-4)
    assert (overall["n_acc"] is not None) == ("grefcoco" in name or "refzom" in name)
    if name.startswith("refcoco"):
        assert overall["box_accuracy"] == 1
    if name.startswith("semantic"):
        assert overall["miou"] == pytest.approx(1, abs=1e-4)


EMPTY_FIGURES = [
    # whoever is asked, by free generation: silence rejects nothing
    ("grefcoco-val", "free", "", {"giou": 0, "n_acc": 0, "t_acc": 0, "ciou": 0}),
    ("refzom-test", "free", "segue", {"giou": 0, "n_acc": 0, "t_acc": 0, "ciou": 0}),
    # gRefCOCO's authors: no mask at all says "not there", which is right for two of four
    ("grefcoco-val", "paper", "", {"giou": 0.5, "n_acc": 1, "t_acc": 0, "ciou": 0}),
    ("refzom-test", "paper", "lisa", {"giou": 1 / 3, "n_acc": 1, "t_acc": 0, "ciou": 0}),
    # GSVA: only its token does
    ("grefcoco-val", "paper", "gsva", {"giou": 0, "n_acc": 0, "t_acc": 0, "ciou": 0}),
    ("refzom-test", "paper", "segue", {"giou": 0, "n_acc": 0, "t_acc": 0, "ciou": 0}),
]


@pytest.mark.parametrize(
    ("name", "protocol", "family", "expected"),
    EMPTY_FIGURES
    + [
        (name, protocol, "", {"giou": 0, "ciou": 0, "t_acc": 0})
        for name in INFOS
        for protocol in ("free", "paper")
        if "grefcoco" not in name and "refzom" not in name
    ],
)
def test_an_empty_prediction_scores_what_the_protocol_says(root, tmp_path, name, protocol, family, expected):
    benchmark = opened(root, name, protocol, family=family)
    overall = run(benchmark, nothing, model={}, output=tmp_path)["figures"]["overall"]
    assert {key: overall[key] for key in expected} == pytest.approx(expected, abs=1e-5)
    if name.startswith("refcoco"):
        assert overall["box_accuracy"] == 0
    if name.startswith("semantic"):
        assert overall["miou"] == 0


def test_short_and_long_are_parts_of_all(root):
    parts = [opened(root, f"reasonseg-test{part}", "free").names() for part in ("", "-short", "-long")]
    assert [len(names) for names in parts] == [4, 2, 2]
    benchmark = opened(root, "reasonseg-test-long", "free")
    assert {benchmark.sample(name).turns[0].type for name in benchmark.names()} == {"long"}


def test_regions_that_do_not_count_are_left_out(root):
    """A mask over target and ignored region is perfect; beyond both it is not."""
    benchmark = opened(root, "reasonseg-val", "paper")
    sample = benchmark.sample("000003")
    truths = Truths(sample.record)
    truth = truths.of(sample.turns[0].phrases[0].ids)
    both = Prediction("", (Target(rle=encode_mask(truth > 0)),))
    whole = Prediction("", (Target(rle=encode_mask(truth >= 0)),))
    assert benchmark.score(sample, [both])["score"] == pytest.approx(1, abs=1e-4)
    assert benchmark.score(sample, [whole])["score"] < 0.5


def test_several_masks_answer_one_expression_together(root):
    benchmark = opened(root, "grefcoco-val", "free")
    sample = next(s for s in map(benchmark.sample, benchmark.names()) if len(s.record.expressions) == 3)
    truths = Truths(sample.record)
    assert [turn.question for turn in sample.turns] == [
        "Where is both dogs?",
        "Where is the cat?",
        "Where is the crowd?",
    ]
    each = Prediction("", tuple(Target(rle=encode_mask(truths.mask([id_]))) for id_ in (51, 52)))
    row = benchmark.score(sample, [each, EMPTY, EMPTY])
    assert [score["iou"] for turn in row["turns"] for score in turn["scores"]] == [1, 0, 0]
    # A rejection beside masks is one more phrase, and takes nothing away.
    more = Prediction("", (Target(rejected=True), *each.targets))
    assert benchmark.score(sample, [more, EMPTY, EMPTY]) == row


def test_multi_referring_is_matched_when_the_number_is_wrong(root):
    benchmark = opened(root, "multirefcoco-unc-val", "free")
    sample = next(s for s in map(benchmark.sample, benchmark.names()) if len(s.record.expressions) == 3)
    [turn] = sample.turns
    assert turn.question == "Where are the left dog, dog on the left and right dog?"
    right = Truths(sample.record).mask([52])
    row = benchmark.score(sample, [Prediction("", (Target(rle=encode_mask(right)),))])
    assert [score["iou"] for score in row["turns"][0]["scores"]] == [0, 0, 1]


def test_classes_that_a_picture_lacks_may_be_asked_for_too(root):
    benchmark = opened(root, "semantic-ade20k-val", "free", options={"absent": "2"})
    record = benchmark.records[0]
    names = [expression.text for expression in class_expressions(record, absent=2)]
    assert names[:2] == ["wall", "flag"]
    assert len(set(names)) == 4
    assert [expression.ids for expression in class_expressions(record, absent=2)][2:] == [[], []]
    assert benchmark.settings["absent"] == 2
    with pytest.raises(DataError, match="absent=many: it is a number"):
        opened(root, "semantic-ade20k-val", "free", options={"absent": "many"})


@pytest.mark.parametrize(
    ("name", "setup", "message"),
    [
        ("reasonseg-val", {"protocol": "strict"}, "has no protocol 'strict'; it has: free, paper"),
        ("reasonseg-val", {"options": {"judge": "x"}}, "has no option 'judge'; it has: none"),
        ("semantic-ade20k-val", {"options": {"x": "1"}}, r"it has: absent \(ask for so many"),
        ("reasonseg-val", {"data": None}, "needs --data"),
    ],
)
def test_what_cannot_be_opened(root, name, setup, message):
    with pytest.raises(DataError, match=message):
        open_benchmark(get_benchmark(name), Setup(**{"data": root, **setup}))


def test_an_unknown_name_is_told_those_near_it():
    with pytest.raises(DataError, match=r"refcocog-val: no such benchmark; near it: .*refcocog-umd-val"):
        get_benchmark("refcocog-val")


# ---------------------------------------------------------------- what each family is asked


@pytest.mark.parametrize(
    ("name", "protocol", "family", "asked"),
    [
        (
            "refcoco-unc-val",
            "paper",
            "lisa",
            [
                (" What is the left dog in this image? Please output segmentation mask.", "{masks}."),
                (" What is dog on the left in this image? Please output segmentation mask.", "{masks}."),
                (" What is right dog in this image? Please output segmentation mask.", "{masks}."),
            ],
        ),
        (
            "refcoco-unc-val",
            "paper",
            "gsva",
            [
                (
                    " What are the left dog, dog on the left, right dogin this image? Please output "
                    "segmentation masks.",
                    "Sure,the left dog:{masks}, dog on the left:{masks}, right dog:{masks}.",
                )
            ],
        ),
        (
            "multirefcoco-unc-val",
            "paper",
            "pixellm",
            [
                (
                    " What is the left dog, dog on the left and Right dog in this image? Please output "
                    "segmentation mask.",
                    "the left dog is {masks}, dog on the left is {masks} and Right dog is {masks}.",
                )
            ],
        ),
        (
            "refcoco-unc-val",
            "free",
            "pixelllm",
            [("the left dog", "the left dog."), ("dog on the left",) * 2, ("right dog",) * 2],
        ),
    ],
)
def test_the_words_of_each_family(root, name, protocol, family, asked):
    benchmark = opened(root, name, protocol, family=family)
    sample = next(s for s in map(benchmark.sample, benchmark.names()) if len(s.record.expressions) == 3)
    found = [(turn.question, turn.answer) for turn in sample.turns]
    assert [(q.rstrip("."), a.rstrip(".")) for q, a in found] == [
        (q.rstrip("."), a.rstrip(".")) for q, a in asked
    ]
    assert [phrase.ids for turn in sample.turns for phrase in turn.phrases] == [[51], [51], [52]]


@pytest.mark.parametrize(
    ("family", "number", "question", "answer"),
    [
        (
            "lisa",
            0,
            " What is something to drink from in this image? Please output segmentation mask.",
            "{masks}.",
        ),
        ("lisa", 1, " Which of these could cut bread? Please output segmentation mask.", "{masks}."),
        ("gsva", 1, " Which of these could cut bread? Please output segmentation mask.", "{masks}"),
        ("segue", 0, "Where is something to drink from?", "It."),
        ("segue", 1, "Which of these could cut bread?", "It."),
    ],
)
def test_reasoning_asks_the_first_text_alone(root, family, number, question, answer):
    sample = opened(root, "reasonseg-val", "paper", family=family).sample(f"{number:06d}")
    assert [(turn.question, turn.answer) for turn in sample.turns] == [(question, answer)]


# ---------------------------------------------------------------- with models


@pytest.mark.parametrize("protocol", ["free", "paper"])
@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_model_from_end_to_end(root, tmp_path, name, protocol):
    predictor = speaking_predictor()
    benchmark = opened(root, name, protocol, family=family_of(predictor))
    summary = run(benchmark, partial(benchmark.predict, predictor, batch_size=4), model={}, output=tmp_path)
    assert summary["num_failed"] == 0
    rows = list(read_rows(tmp_path / "rows.jsonl"))
    assert {row["protocol"] for row in rows} == {protocol}
    targets = [t for row in rows for p in row["predictions"] for t in p.get("segments", [])]
    if protocol == "paper":  # one target for every expression, with a mask also where it is rejected
        assert len(targets) == sum(len(turn["scores"]) for row in rows for turn in row["turns"])
        assert all(target["mask"] is not None for target in targets)
    # The rows are a file of predictions, which scores the same.
    again = PredictionsFile(tmp_path / "rows.jsonl")
    assert (again.family, again.protocol) == ("segue", protocol)
    rescored = opened(root, name, protocol, family=again.family)
    assert run(rescored, again, model={}, output=tmp_path / "again")["figures"] == summary["figures"]


@pytest.mark.parametrize("rejects", [False, True], ids=["lisa", "gsva"])
@pytest.mark.parametrize("name", ["grefcoco-val", "reasonseg-val", "refcoco-unc-val"])
def test_the_llava_families_read_given_answers(root, tmp_path, name, rejects):
    model, processor = tiny_lisa(tmp_path, rejects=rejects)
    predictor = Predictor(model, processor, name="tiny")
    family = family_of(predictor)
    assert family == ("gsva" if rejects else "lisa")
    benchmark = opened(root, name, "paper", family=family)
    samples = [benchmark.sample(name) for name in benchmark.names()]
    together = benchmark.predict(predictor, samples, 8)
    for sample, predictions in zip(samples, together, strict=True):
        for turn, prediction in zip(sample.turns, predictions, strict=True):
            assert len(prediction.targets) == len(turn.phrases)
            assert all(target.rle is not None for target in prediction.targets)
            assert rejects or not any(target.rejected for target in prediction.targets)
        assert benchmark.score(sample, predictions)["score"] >= 0


def test_what_a_family_cannot_do_is_said(root):
    with pytest.raises(CapabilityError, match="multi-referring asks for several things"):
        opened(root, "multirefcoco-unc-val", "paper", family="pixelllm")


# ---------------------------------------------------------------- the command


def segue(capsys, *arguments) -> str:
    with pytest.raises(SystemExit) as info:
        main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert info.value.code in (None, 0), captured.err
    return captured.out


def test_the_embedded_model_by_both_protocols(root, tmp_path, capsys):
    """The shipped weights through the command line; the papers' figures stand beside ours."""
    for protocol, name in (("free", "reasonseg-val"), ("paper", "reasonseg-val-paper")):
        out = segue(
            capsys, "eval", "reasonseg-val", "--data", root, "--protocol", protocol, "--out", tmp_path
        )
        assert f"reasonseg-val, protocol {protocol}" in out
        assert "LISA-7B (ft)" in out
        assert "52.9" in out
        summary = json.loads((tmp_path / name / "summary.json").read_text())
        settings = summary["settings"]
        assert settings["model"]["name"] == "segue/mini"
        assert len(settings["model"]["sha256"]) == 64
        assert settings["rules"] == {"free": "free", "paper": "lisa"}[protocol]
        assert list(settings["data"]) == ["reason_seg/ReasonSeg/val"]
        assert summary["num_failed"] == 0
        page = (tmp_path / name / "page.html").read_text()
        assert page.count("<h2>") == 3
        assert "Which of these could cut bread?" in page


def test_the_list_names_every_benchmark(capsys):
    listed = json.loads(segue(capsys, "eval", "list", "--json"))
    assert {entry["name"] for entry in listed} >= {*INFOS, "scenes", "photographs"}
    assert "--set absent=" in segue(capsys, "eval", "list")
