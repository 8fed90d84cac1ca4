"""`segue annotate`: what it writes, what it does with broken pictures, and that a killed run goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
from PIL import Image
from pycocotools.coco import COCO

import segue
from segue.annotation.asks import Ask, facts_of, find_pictures, make_asks
from segue.annotation.journal import Done, Journal
from segue.annotation.local import MOST_FAULTS
from segue.cli.main import main
from segue.errors import DataError, QuestionError
from tests.annotation import slow_cats
from tests.annotation.slow_cats import SlowCats

WIDTH, HEIGHT = 8, 64


def pictures(folder, *, num):
    """`num` pictures, each with its own number (from 1) as its colour."""
    folder.mkdir()
    for number in range(1, num + 1):
        place = folder / ("sub" if number % 2 else "") / f"{number:03}.png"
        place.parent.mkdir(exist_ok=True)
        Image.new("RGB", (WIDTH, HEIGHT), (number, 0, 0)).save(place)
    return folder


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """`run("--ask", ...)` annotates tmp_path/in; returns the exit code and what was said."""
    monkeypatch.setattr(segue, "load", lambda name, **_: SlowCats(tmp_path / "notes", 0.0), raising=False)

    def start(*arguments):
        with pytest.raises(SystemExit) as end:
            main(["annotate", str(tmp_path / "in"), *map(str, arguments)])
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out + said.err

    return start


def areas(path):
    """{file name: area of its cat}."""
    coco = COCO(path)
    return {
        coco.loadImgs(a["image_id"])[0]["file_name"]: int(coco.annToMask(a).sum()) for a in coco.anns.values()
    }


def test_a_killed_run_goes_on_and_repeats_and_loses_nothing(tmp_path):
    folder, out, notes = pictures(tmp_path / "in", num=30), tmp_path / "coco.json", tmp_path / "notes"
    command = [sys.executable, slow_cats.__file__, str(notes)]
    arguments = ["annotate", str(folder), "--ask", "Cats?", "--out", str(out), "--batch", "2"]
    process = subprocess.Popen([*command, "0.05", *arguments], stderr=subprocess.PIPE)
    try:
        until = time.monotonic() + 120
        while not notes.exists() or len(notes.read_text().splitlines()) < 9:
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < until
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()
        process.communicate()
    assert not out.exists()
    asked = notes.read_text().splitlines()
    assert 9 <= len(asked) < 30

    subprocess.run([*command, "0", *arguments], check=True, timeout=120, capture_output=True)
    expected = {name: int(name[-7:-4]) * WIDTH for name in find_pictures(folder)}
    assert len(expected) == 30
    assert areas(out) == expected
    content = json.loads(out.read_text())
    assert len(content["images"]) == len(content["annotations"]) == 30
    # Only the batch that was under way when the process died is asked about again.
    again = [
        n
        for n, count in Counter(line.split()[1] for line in notes.read_text().splitlines()).items()
        if count > 1
    ]
    assert len(again) <= 2


def test_broken_pictures_are_reported_and_tried_again(tmp_path, run):
    pictures(tmp_path / "in", num=3)
    (tmp_path / "in" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    out = tmp_path / "coco.json"
    code, said = run("--ask", "Cats?", "--out", out)
    assert code == 1
    assert "1 pictures failed" in said
    assert (tmp_path / "coco.json.failed.tsv").read_text().startswith("broken.jpg\t")
    assert len(areas(out)) == 3

    Image.new("RGB", (WIDTH, HEIGHT), (9, 0, 0)).save(tmp_path / "in" / "broken.jpg", "PNG")
    asked = len((tmp_path / "notes").read_text().splitlines())
    code, said = run("--ask", "Cats?", "--out", out)
    assert code == 0
    assert areas(out)["broken.jpg"] == 9 * WIDTH
    assert not (tmp_path / "coco.json.failed.tsv").exists()
    assert len((tmp_path / "notes").read_text().splitlines()) == asked + 1


def test_phrases_are_categories_and_what_is_absent_is_said(tmp_path, run):
    pictures(tmp_path / "in", num=2)
    (tmp_path / "phrases").write_text("# animals\ntabby\n\ntabby\nlion\n")
    run("--phrases", tmp_path / "phrases", "--ask", "What is there?", "--out", tmp_path / "c.json")
    content = json.loads((tmp_path / "c.json").read_text())
    # Phrases come first; the question's answers bring their own, "dog" only as what is not there.
    assert [category["name"] for category in content["categories"]] == ["tabby", "lion", "cat", "dog"]
    assert Counter(a["category_id"] for a in content["annotations"]) == {1: 2, 2: 2, 3: 2}
    assert [image["neg_category_ids"] for image in content["images"]] == [[4], [4]]


def test_another_format_is_written_without_asking_again(tmp_path, run):
    pictures(tmp_path / "in", num=2)
    run("--ask", "Cats?", "--out", tmp_path / "c.json")
    asked = (tmp_path / "notes").read_text()
    for name in ("yolo", "labelme", "geojson", "index-png", "fiftyone"):
        journal = ("--journal", tmp_path / "c.json.journal")
        assert run("--ask", "Cats?", "--out", tmp_path / name, "--format", name, *journal)[0] == 0
    assert (tmp_path / "notes").read_text() == asked
    line = (tmp_path / "yolo" / "labels" / "sub" / "001.txt").read_text().split()
    assert line[0] == "0"
    assert (tmp_path / "yolo" / "images" / "sub" / "001.png").is_file()
    with Image.open(tmp_path / "index-png" / "002.png") as index:
        assert [index.getpixel((0, y)) for y in (0, 1, 2, 63)] == [1, 1, 0, 0]
    label = json.loads((tmp_path / "labelme" / "sub" / "001.json").read_text())
    assert (tmp_path / "labelme" / "sub" / label["imagePath"]).resolve().is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--out", "c.json"), "nothing to ask"),
        (("--ask", "Cats?", "--out", "c.json", "--format", "pdf"), "there are coco, yolo"),
        (("--ask", "The {phrase}?", "--out", "c.json"), "--phrases"),
        (("--ask", "Cats?", "--out", "c.json", "--engine", "spark"), "local and ray"),
        (("--ask", "Cats?", "--out", "in"), "is a folder"),
    ],
)
def test_what_cannot_be_done_is_one_line(tmp_path, run, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    pictures(tmp_path / "in", num=1)
    code, said = run(*arguments)
    assert code == 2
    assert message in said
    assert len(said.strip().splitlines()) == 1


def test_a_broken_model_ends_the_run_rather_than_all_pictures(tmp_path, run):
    pictures(tmp_path / "in", num=MOST_FAULTS + 20)
    code, said = run("--ask", "break", "--out", tmp_path / "c.json", "--batch", 4)
    assert code == 2
    assert "out of order" in said
    assert not (tmp_path / "c.json").exists()


def test_the_journal_takes_each_picture_once_and_one_run_at_a_time(tmp_path):
    path, facts = tmp_path / "a.journal", {"model": "m"}
    with Journal(path, facts=facts) as journal:
        assert journal.add([Done("a", [{"n": 1}]), Done("b", error="broken")]) == 2
        assert journal.add([Done("a", [{"n": 2}]), Done("b", [{"n": 3}])]) == 1
        assert journal.finished() == {"a", "b"}
        assert journal.failures() == {}
        with pytest.raises(DataError, match="another run is writing"):
            Journal(path, facts=facts)
    with Journal(path, facts=facts) as journal:
        assert [done.answers for done in journal.answers()] == [[{"n": 1}], [{"n": 3}]]
        with pytest.raises(Exception, match="append-only"):
            journal._db.execute("DELETE FROM pictures")
    with pytest.raises(DataError, match="model was m"):
        Journal(path, facts={"model": "other"})
    (tmp_path / "text").write_text("no journal at all, but a text of some length" * 50)
    with pytest.raises(DataError, match="not a journal"):
        Journal(tmp_path / "text", facts=facts)


@pytest.mark.parametrize(
    ("questions", "phrases", "expected"),
    [
        (["Cats?"], [], [Ask("Cats?")]),  # a question alone
        ([], ["cat"], [Ask("cat", "cat", locate=True)]),  # phrases alone
        (["The {phrase}?"], ["cat", "dog"], [Ask("The cat?", "cat"), Ask("The dog?", "dog")]),  # together
        (["A?", "A?"], ["cat"], [Ask("A?"), Ask("cat", "cat", locate=True)]),  # beside each other
    ],
)
def test_questions_and_phrases(questions, phrases, expected):
    assert make_asks(questions, phrases) == expected


def test_an_empty_question_is_refused():
    with pytest.raises(QuestionError, match="empty"):
        make_asks([" "], [])


def test_a_journal_is_of_one_precision(tmp_path):
    asks = make_asks(["Where is the dog?"], [])
    whole, packed = (facts_of(tmp_path, "big", asks, quantise=kind) for kind in (None, "4bit"))
    assert (whole["model"], packed["model"]) == ("big", "big in 4bit")
