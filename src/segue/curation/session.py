"""A curation's folder: its plan, prompts and journal, opened for a run, a review or a count."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from segue.curation.engine import Progress, open_setup, run_tasks
from segue.curation.export import export
from segue.curation.inputs import Pictures, open_pictures
from segue.curation.journal import Journal
from segue.curation.plan import Plan, load_plan, same_work
from segue.curation.prompts import FILES, Prompts, load_prompts
from segue.curation.tasks import Work, build_work
from segue.errors import DataError

__all__ = ["Session", "open_folder", "prepare", "run"]

PLAN, PROMPTS = "plan.yaml", "prompts"


@dataclass(frozen=True)
class Session:
    """Everything about a curation but its journal."""

    plan: Plan
    pictures: Pictures
    prompts: Prompts
    work: Work


def prepare(plan: Plan, *, progress: Callable[[int], None] = lambda done: None) -> Session:
    """Read the data and the prompts, and choose what to do."""
    pictures = open_pictures(plan.data)
    prompts = load_prompts(plan.prompts)
    return Session(plan, pictures, prompts, build_work(plan, pictures, progress=progress))


def run(
    session: Session, folder: Path, *, watch: Callable[[Progress], None] = lambda progress: None
) -> tuple[Progress, dict[str, Any]]:
    """Work on every task that the folder's journal has not ended, then export. Gives how the run went, and
    the summary of the export.

    Raises:
        DataError: the folder holds the replies of another plan, or another run is at it.
        SegueError: the endpoint is not complete, or refuses everything.
    """
    plan = session.plan
    setup = open_setup(plan, session.pictures, session.prompts)
    with Journal(folder, run=True) as journal:
        journal.bind(same_work(plan, prompts=session.prompts.digest))
        _note(session, folder)
        if plan.engine == "asyncio":
            progress = asyncio.run(run_tasks(session.work.tasks, setup, journal, watch=watch))
    if plan.engine == "ray":
        from segue.curation.ray_engine import run_tasks_on_ray

        noted = load_plan(folder / PLAN)  # with whole paths, for workers in other folders
        progress = run_tasks_on_ray(session.work.tasks, noted, session.prompts, folder, watch=watch)
    with Journal(folder, run=False) as journal:
        return progress, export(session.work.tasks, plan, session.pictures, journal, folder)


def open_folder(folder: Path) -> Session:
    """The curation that a folder holds, for a review or an export.

    Raises:
        DataError: it holds none, or the data has moved.
    """
    if not (folder / PLAN).is_file():
        raise DataError(f"{folder}: holds no curation ({PLAN} is missing)")
    plan = load_plan(folder / PLAN)
    return prepare(plan.model_copy(update={"prompts": str(folder / PROMPTS)}))


def _note(session: Session, folder: Path) -> None:
    """The plan and the prompts as they were used, beside the journal."""
    content = session.plan.model_dump(mode="json", exclude_defaults=True)
    content["data"]["path"] = str(Path(session.plan.data.path).resolve())
    if session.plan.data.captions:
        content["data"]["captions"] = str(Path(session.plan.data.captions).resolve())
    (folder / PLAN).write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    (folder / PROMPTS).mkdir(exist_ok=True)
    for name in FILES:
        (folder / PROMPTS / name).write_text(session.prompts.texts[name], encoding="utf-8")
