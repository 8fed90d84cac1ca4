"""`--engine ray` on a cluster of this machine: worker processes, one of which is killed in the middle."""

import os
import signal
import threading
import time
from collections import Counter
from functools import partial

import pytest

from segue.annotation.asks import Ask, find_pictures
from segue.annotation.journal import Journal
from tests.annotation.slow_cats import SlowCats
from tests.annotation.test_annotate import WIDTH, pictures
from tests.ray_cluster import small_cluster

pytest.importorskip("ray", reason="Ray Data is an extra of its own: pip install 'segue[ray]'")


@pytest.fixture
def cluster():
    with small_cluster(2):
        yield


def test_a_killed_worker_costs_no_picture(tmp_path, cluster):
    from segue.annotation.ray_engine import annotate_on_ray

    folder, notes = pictures(tmp_path / "in", num=32), tmp_path / "notes"
    names = find_pictures(folder)
    killed, ended = [], threading.Event()

    def kill_one():
        """A worker that is in the middle of its batch, whether or not the other has begun.

        On a busy machine the workers take minutes to start, so it waits as long as there is work."""
        while not ended.is_set() and not killed:
            pids = [line.split()[0] for line in notes.read_text().splitlines()] if notes.exists() else []
            if len(pids) > 2:
                os.kill(int(pids[-1]), signal.SIGKILL)
                killed.append(pids[-1])
            time.sleep(0.02)

    killer = threading.Thread(target=kill_one)
    killer.start()
    seen = []
    with Journal(tmp_path / "journal", facts={}) as journal:
        try:
            annotate_on_ray(
                names,
                folder,
                [Ask("Cats?")],
                journal,
                model="cats",
                batch=1,
                workers=2,
                load=partial(SlowCats, notes, 0.1),
                watch=seen.append,
            )
        finally:
            ended.set()
            killer.join()
        found = {done.picture: done.answers[0]["segments"][0]["area"] for done in journal.answers()}
        assert journal.failures() == {}
    assert killed
    assert found == {name: int(name[-7:-4]) * WIDTH for name in names}
    assert seen[-1] == len(names)
    # The dead worker's batch alone was asked about again, and somebody took its place.
    lines = [line.split() for line in notes.read_text().splitlines()]
    counts = Counter(picture for _, picture in lines)
    assert sum(count > 1 for count in counts.values()) <= 8
    assert len({pid for pid, _ in lines}) > 1
