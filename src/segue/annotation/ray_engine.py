"""The same over many machines: pictures are dealt to the workers of a Ray cluster, each with a model of its
own, and this process alone writes the journal.

The folder and the model must be at the same path on every machine. A worker that dies is started again
and its pictures are asked about once more; the journal takes the answers about a picture once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from segue.annotation.asks import Ask
from segue.annotation.journal import Done, Journal
from segue.annotation.local import MOST_FAULTS, Annotator, open_pictures
from segue.errors import SegueError
from segue.ray_data import cluster, deal

__all__ = ["annotate_on_ray"]

_DEALT = 4
"""Batches that a worker is dealt at a time: few are asked about again when it dies."""


def annotate_on_ray(
    pictures: Sequence[str],
    folder: Path,
    asks: Sequence[Ask],
    journal: Journal,
    *,
    model: str,
    device: str | None = None,
    quantise: str | None = None,
    batch: int = 16,
    workers: int | None = None,
    load: Callable[[], Any] | None = None,
    watch: Callable[[int], None] = lambda done: None,
) -> None:
    """Ask about the pictures on the cluster of RAY_ADDRESS, or else on this machine's processors.

    Args:
        model, device, quantise: for `segue.load` in each worker.
        workers: how many; one for each GPU, or each CPU where there are none or `device` is "cpu".
        load: makes a worker's model instead of `segue.load`.
        watch: called with the number of pictures that are done.

    Raises:
        SegueError: the model cannot be loaded or asked this, or failed too often in a row.
        MissingDependencyError: Ray is not installed.
    """
    with cluster("--engine ray") as ray:
        resources = ray.cluster_resources()
        gpus = 0 if device == "cpu" else int(resources.get("GPU", 0))
        count = min(workers or gpus or int(resources.get("CPU", 1)), len(pictures))
        size = max(1, batch // len(asks)) * _DEALT
        rows = deal(
            [{"picture": name} for name in pictures],
            Worker,
            (str(folder.resolve()), tuple(asks), load or partial(_load, model, device, quantise), batch),
            workers=count,
            batch=min(size, -(-len(pictures) // count)),
            num_gpus=1 if gpus else 0,
        )
        faults = 0
        seen: set[str] = set()
        for row in rows:
            if row["fatal"]:
                raise SegueError(row["fatal"])
            answers = json.loads(row["answers"])
            journal.add([Done(row["picture"], answers, row["error"])])
            seen.add(row["picture"])
            watch(len(seen))
            faults = faults + 1 if row["fault"] else 0
            if faults >= MOST_FAULTS:
                raise SegueError(f"the model failed at {faults} pictures in a row: {row['error']}")


class Worker:
    """Answers about batches of pictures, in a worker process of Ray."""

    def __init__(self, folder: str, asks: Sequence[Ask], load: Callable[[], Any], batch: int):
        self._folder, self._asks, self._load, self._batch = Path(folder), asks, load, batch
        self._annotator: Annotator | None = None

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        names = [str(name) for name in batch["picture"]]
        rows = {name: {"answers": "null", "error": "", "fault": False, "fatal": ""} for name in names}
        try:
            # Not when the worker is made: what is wrong then would not reach the user as one line.
            if self._annotator is None:
                self._annotator = Annotator(self._load(), self._asks, batch=self._batch)
            for opened in open_pictures(names, self._folder, self._annotator.pictures):
                for done in opened.failed:
                    rows[done.picture]["error"] = done.error
                for done in self._annotator.answer(opened.pictures):
                    answers = None if done.answers is None else list(done.answers)
                    rows[done.picture] |= {
                        "answers": json.dumps(answers),
                        "error": done.error,
                        "fault": answers is None,
                    }
        except SegueError as error:
            rows[names[0]]["fatal"] = str(error)
        return {"picture": names} | {
            field: [rows[name][field] for name in names] for field in ("answers", "error", "fault", "fatal")
        }


def _load(model: str, device: str | None, quantise: str | None) -> Any:
    import segue

    return segue.load(model, device=device, quantise=quantise)
