"""The journal: nothing is changed, nothing is lost, money is counted, one run at a time."""

import sqlite3

import pytest

from segue.curation.journal import Decision, Journal, Row
from segue.curation.requests import Tokens
from segue.errors import DataError


def row(image="a.jpg", stage="pairs", attempt=1, **fields):
    defaults = {
        "model": "m",
        "prompts": "p",
        "reply": '{"pairs": "ä {seg}"}',
        "finish": "stop",
        "tokens": Tokens(100, 20),
        "estimated": False,
        "cost": 0.5,
        "outcome": "ok",
        "problems": ("one", "two"),
        "about": ("x",),
        "seconds": 1.5,
        "at": 12.0,
    }
    return Row(image=image, stage=stage, attempt=attempt, **{**defaults, **fields})


def send(journal, image="a.jpg", attempt=1, cost=1.0, **limits):
    return journal.send(image, "pairs", attempt, most=Tokens(100, 100), cost=cost, **limits)


def test_rows_come_back_as_they_were(tmp_path):
    with Journal(tmp_path, run=True) as journal:
        journal.append(send(journal), row())
        journal.append(send(journal, attempt=2), row(attempt=2, outcome="rejected"))
        journal.append(send(journal, image="b.jpg"), row("b.jpg"))
    with Journal(tmp_path, run=False) as journal:
        assert journal.rows("a.jpg") == [row(), row(attempt=2, outcome="rejected")]
        assert [entry.image for entry in journal.all_rows()] == ["a.jpg", "a.jpg", "b.jpg"]


def test_nothing_can_be_changed_or_written_twice(tmp_path):
    with Journal(tmp_path, run=True) as journal:
        journal.append(send(journal), row())
        again = send(journal)
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            journal.append(again, row())
    with sqlite3.connect(tmp_path / "journal.sqlite") as db:
        for statement in ("UPDATE attempts SET cost = 0", "DELETE FROM sends", "DELETE FROM attempts"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(statement)


def test_money(tmp_path):
    with Journal(tmp_path, run=True) as journal:
        journal.append(send(journal), row())  # set aside 1.0, cost 0.5
        journal.refused(send(journal, "b.jpg"), "429")  # costs nothing
        lost = send(journal, "c.jpg")  # killed before the reply
        totals = journal.totals()
        assert (totals.cost, totals.tokens) == (0.5, 120)
        assert (totals.unseen, totals.unseen_cost, totals.unseen_tokens) == (1, 1.0, 200)
        assert lost == 3
        # 0.5 spent and 1.0 perhaps spent: another 1.0 fits into 2.5, not into 2.4.
        assert send(journal, "d.jpg", budget=2.4) is None
        assert send(journal, "d.jpg", tokens=519) is None
        assert send(journal, "d.jpg", budget=2.5, tokens=520) == 4
    # What a killed run may have spent is counted by the next one.
    with Journal(tmp_path, run=True) as journal:
        assert send(journal, "e.jpg", budget=3.4) is None
        assert journal.totals().unseen == 2


def test_one_run_at_a_time_and_readers_beside_it(tmp_path):
    with Journal(tmp_path, run=True) as journal:
        with pytest.raises(DataError, match="another curation is writing"):
            Journal(tmp_path, run=True)
        with Journal(tmp_path, run=False) as reader:
            reader.decide(Decision("p1", "reject", note="blurred"))
        journal.append(send(journal), row())
    with Journal(tmp_path, run=True):
        pass


def test_the_newest_decision_counts(tmp_path):
    with Journal(tmp_path, run=True) as journal:
        journal.decide(Decision("p1", "reject", note="blurred"))
        journal.decide(Decision("p2", "accept"))
        journal.decide(Decision("p1", "edit", {"question": "Wo?"}))
        assert journal.decisions() == {
            "p1": Decision("p1", "edit", {"question": "Wo?"}),
            "p2": Decision("p2", "accept"),
        }


def test_it_belongs_to_one_plan(tmp_path):
    with Journal(tmp_path, run=True) as journal:
        journal.bind({"prompts": "1", "seed": "2"})
        journal.bind({"prompts": "1", "seed": "2", "new": "3"})
        with pytest.raises(DataError, match=r"seed has changed.*--out"):
            journal.bind({"prompts": "1", "seed": "9"})


def test_no_journal(tmp_path):
    with pytest.raises(DataError, match="holds no curation"):
        Journal(tmp_path, run=False)
    (tmp_path / "journal.sqlite").write_text("something else, and long enough to be no header" * 10)
    with pytest.raises(DataError, match="not a journal"):
        Journal(tmp_path, run=True)
