"""The same work on Ray Data: the same data, one journal, resumed by either engine."""

import pytest

from segue.curation.session import prepare, run
from tests.curation.small import coco_set, plan
from tests.ray_cluster import small_cluster

pytest.importorskip("ray", reason="Ray Data is an extra of its own: pip install 'segue[ray]'")


@pytest.fixture
def small_ray():
    with small_cluster(1):
        yield


def test_ray_gives_the_same_data(tmp_path, small_ray):
    things = [("cup", (20, 30, 40, 40)), ("fork", (80, 20, 20, 60)), ("fork", (140, 20, 20, 60))]
    path = coco_set(tmp_path / "set", {f"{number}.jpg": things for number in range(20)})
    fields = {"questions": {"per_image": 3}, "rules": {"repeats": None}}
    _, expected = run(prepare(plan(path, **fields)), tmp_path / "asyncio")
    session = prepare(plan(path, engine="ray", **fields))
    seen = []
    progress, summary = run(session, tmp_path / "ray", watch=lambda state: seen.append(state.done))
    assert (progress.done, progress.failed, progress.stopped) == (20, {}, "")
    assert seen[-1] == 20
    assert summary == expected
    for name in ("train.jsonl", "rejected.jsonl"):
        assert (tmp_path / "ray" / name).read_text() == (tmp_path / "asyncio" / name).read_text()
    # Nothing is left for the other engine.
    progress, _ = run(prepare(plan(path, **fields)), tmp_path / "ray")
    assert progress.resumed == 20
