"""Which pictures and what to ask: filters, balance, laws of targets, tasks."""

from collections import Counter

import numpy as np
import pytest

from segue.curation.inputs import open_pictures, pretty_name
from segue.curation.plan import DataPlan, QuestionPlan, SelectPlan
from segue.curation.selection import Candidate, listed_objects, select_pictures, unfit
from segue.curation.targets import SEVERAL, Slots, histogram, muse_law, plan_asks
from segue.curation.tasks import build_work, known_absent
from segue.data.native import Record, write_records
from segue.errors import DataError
from tests.curation.small import HEIGHT, WIDTH, coco_set, plan, thing


def record(*objects, **fields):
    return Record(image="images/a.jpg", width=WIDTH, height=HEIGHT, objects=list(objects), **fields)


def test_listed_objects_are_filtered_and_in_order():
    given = record(
        thing(1, "fork", (150, 10, 20, 20)),
        thing(2, "fork", (10, 10, 20, 20)),
        thing(3, "cup", (80, 10, 20, 20)),
        thing(4, "cup", (81, 10, 20, 20)),  # nearly the same box as 3, and no larger
        thing(5, "dog", (0, 0, 3, 3)),  # too small
        thing(6, "knife", (100, 50, 20, 20)).model_copy(update={"iscrowd": 1}),
        thing(7, "cat", (100, 50, 20, 20)).model_copy(update={"segmentation": []}),  # only a box
        thing(8, "wine glass", (50, 50, 20, 20)),
    )
    select = SelectPlan(exclude=["wine glass"])
    assert [entry.id for entry in listed_objects(given, select)] == [3, 2, 1]
    assert 6 in [entry.id for entry in listed_objects(given, SelectPlan(crowds=True))]
    assert {entry.category for entry in listed_objects(given, SelectPlan(categories=["fork"]))} == {"fork"}


@pytest.mark.parametrize(
    ("categories", "reason"),
    [
        (["cup"], "too few instances"),
        (["cup", "fork"] * 40, "too many instances"),
        (["cup"] * 21, "crowded by one category"),
        (["cup", "fork"], None),
    ],
)
def test_unfit(categories, reason):
    assert unfit(categories, SelectPlan()) == reason


def test_rare_categories_come_up():
    common = [Candidate(n, f"{n}.jpg", ("person", "car")) for n in range(400)]
    rare = [Candidate(400 + n, f"r{n}.jpg", ("person", "toaster")) for n in range(20)]

    def share(balance):
        chosen = select_pictures([*common, *rare], SelectPlan(num_images=100, balance=balance), seed=3)
        assert [entry.index for entry in chosen] == sorted(entry.index for entry in chosen)
        return sum("toaster" in entry.categories for entry in chosen)

    assert share(0.0) <= 9  # 20 of 420 pictures, 100 taken
    assert share(0.5) > 1.5 * share(0.0)
    assert share(1.0) == 20


def test_a_cap_for_each_category():
    common = [Candidate(n, f"{n}.jpg", ("person",)) for n in range(50)]
    both = [Candidate(50 + n, f"b{n}.jpg", ("person", "cup")) for n in range(5)]
    chosen = select_pictures([*common, *both], SelectPlan(max_per_category=10, balance=0.0), seed=0)
    # Every cup is taken, and no person's sake is enough once ten are there.
    counts = Counter(category for entry in chosen for category in entry.categories)
    assert counts["cup"] == 5
    assert 10 <= counts["person"] <= 15


def test_the_choice_depends_on_the_seed_alone():
    candidates = [Candidate(n, f"{n}.jpg", ("cup",)) for n in range(50)]
    first, again, other = (
        select_pictures(candidates, SelectPlan(num_images=10), seed=seed) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_muse_law_has_the_published_mean_and_maximum():
    law = muse_law()
    assert min(law) == 2
    assert max(law) == 34
    assert sum(law.values()) == pytest.approx(1)
    assert sum(number * share for number, share in law.items()) == pytest.approx(3.7)


def test_targets_follow_the_law_where_pictures_allow_it():
    rng = np.random.default_rng(0)
    slots = [Slots(int(n), absent=True) for n in rng.integers(2, 60, size=2000)]
    asked = plan_asks(slots, QuestionPlan(per_image=3), seed=5)
    counts = histogram(asked)
    total = sum(counts.values())
    assert sum(n * times for n, times in counts.items()) / total == pytest.approx(3.7, abs=0.05)
    for number, share in muse_law().items():
        assert counts.get(number, 0) / total == pytest.approx(share, abs=2 / total)
    # Never more than a picture has, and the kinds by their weights.
    assert all(n <= slot.instances for slot, kinds in zip(slots, asked, strict=True) for _, n in kinds)
    kinds = Counter(kind for chosen in asked for kind, _ in chosen)
    assert kinds["reasoning"] / kinds["several"] == pytest.approx(3, rel=0.15)


def test_small_pictures_get_what_fits():
    slots = [Slots(3, absent=False)] * 50 + [Slots(1, absent=False)] * 5
    asked = plan_asks(slots, QuestionPlan(per_image=2, targets={9: 1.0}), seed=0)
    assert {n for chosen in asked[:50] for kind, n in chosen if kind in SEVERAL} == {3}
    assert {kind for chosen in asked[50:] for kind, _ in chosen} == {"referring"}
    assert not any(kind == "absent" for chosen in asked for kind, _ in chosen)


def test_at_most_one_absent_thing_a_picture():
    questions = QuestionPlan(per_image=5, kinds={"absent": 9, "several": 1})
    asked = plan_asks([Slots(4, absent=True)] * 40, questions, seed=0)
    assert max(sum(kind == "absent" for kind, _ in chosen) for chosen in asked) == 1
    # Where nothing else is wanted and nothing is known to be absent, nothing is asked.
    only = QuestionPlan(kinds={"absent": 1})
    assert plan_asks([Slots(4, absent=False)], only, seed=0) == [[]]


def test_absent_things_need_a_complete_label():
    some = record(thing(1, "dog", (10, 10, 50, 50)), exhaustive=["dog", "cat", "sheep"])
    assert set(known_absent(some, seed=0)) == {"cat", "sheep"}
    assert known_absent(record(thing(1, "dog", (10, 10, 50, 50))), seed=0) == ()
    # People differ over what is a couch and what a chair: neither is certainly absent beside the other.
    couch = record(thing(1, "couch", (10, 10, 50, 50)), exhaustive=["couch", "chair", "cat"])
    assert set(known_absent(couch, seed=0)) == {"cat"}


def test_tasks_of_both_pipelines(tmp_path):
    path = coco_set(
        tmp_path / "set",
        {
            "a.jpg": [("cup", (10, 10, 30, 30)), ("fork", (60, 10, 30, 30)), ("dog", (120, 10, 30, 30))],
            "b.jpg": [("cup", (10, 10, 30, 30))],
        },
    )
    pictures = open_pictures(DataPlan(path=str(path)))
    work = build_work(plan(path, questions={"per_image": 4}), pictures)
    assert [task.key for task in work.tasks] == ["images/a.jpg"]
    assert work.left_out == {"too few instances": 1}
    assert all(not ask.numbers for ask in work.tasks[0].asks)
    chosen = build_work(plan(path, questions={"per_image": 4}, pipeline="caption"), pictures)
    for ask in chosen.tasks[0].asks:
        assert len(ask.numbers) == ask.targets
        assert set(ask.numbers) <= {1, 2, 3}
    assert work == build_work(plan(path, questions={"per_image": 4}), pictures)
    with pytest.raises(DataError, match=r"no picture is left to ask about .*too few"):
        build_work(plan(path, select={"min_instances": 9}), pictures)


def test_lvis_files(tmp_path):
    path = coco_set(
        tmp_path / "set",
        {"a.jpg": [("cup", (10, 10, 30, 30)), ("fork", (60, 10, 30, 30)), ("fork", (90, 10, 30, 30))]},
        info={},
        categories=[
            {"id": 47, "name": "cup_(drinking)"},
            {"id": 48, "name": "fork"},
            {"id": 1, "name": "baseball_bat"},
            {"id": 2, "name": "bow_(weapon)"},
            {"id": 3, "name": "bow_(decorative_ribbons)"},
        ],
        images=[
            {
                "id": 1,
                "coco_url": "http://images.cocodataset.org/train2017/000000000009.jpg",
                "width": WIDTH,
                "height": HEIGHT,
                "neg_category_ids": [1, 3],
                "not_exhaustive_category_ids": [48],
            }
        ],
    )
    pictures = open_pictures(DataPlan(path=str(path)))
    found = pictures.records[0]
    assert found.image == "images/train2017/000000000009.jpg"
    assert [entry.category for entry in found.objects] == ["cup", "fork", "fork"]
    # The cups are all labelled, the forks are not; bats and ribbons were looked for.
    assert found.exhaustive == ["baseball bat", "bow (decorative ribbons)", "cup"]
    assert pictures.category_ids["bow (weapon)"] == 2


def test_native_files_and_bad_ones(tmp_path):
    good = record(thing(1, "dog", (10, 10, 50, 50)), thing(2, "cat", (90, 10, 50, 50)))
    write_records(tmp_path / "set.jsonl", [good])
    pictures = open_pictures(DataPlan(path=str(tmp_path / "set.jsonl"), exhaustive=["dog", "cup"]))
    assert pictures.records[0].exhaustive == ["dog", "cup"]
    assert list(pictures.category_ids) == ["dog", "cat"]
    write_records(tmp_path / "twice.jsonl", [good, good])
    with pytest.raises(DataError, match="listed twice"):
        open_pictures(DataPlan(path=str(tmp_path / "twice.jsonl")))
    (tmp_path / "none.jsonl").write_text("")
    with pytest.raises(DataError, match="no pictures"):
        open_pictures(DataPlan(path=str(tmp_path / "none.jsonl")))


@pytest.mark.parametrize(
    ("name", "pretty"),
    [
        ("mouse_(computer_equipment)", "mouse"),
        ("baseball_bat", "baseball bat"),
        ("(x)", "(x)"),
        ("dog", "dog"),
    ],
)
def test_pretty_name(name, pretty):
    assert pretty_name(name) == pretty
