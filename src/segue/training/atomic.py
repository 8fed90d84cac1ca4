"""Checkpoint folders that are there whole or not at all, whatever kills the process that writes them.

    checkpoint-400/                    finished
    .writing/checkpoint-800/           being written: flushed to the disk, then renamed to its place

A rename within a file system is atomic, and it is asked for only when the disk has everything. Old folders
are removed after that, also by a rename first, so that no half of one is ever taken for a checkpoint.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

__all__ = ["WRITING", "checkpoints", "clear_unfinished", "finish", "flush", "latest", "prune"]

WRITING = ".writing"
_NAME = re.compile(r"checkpoint-(\d+)")


def checkpoints(place: Path) -> dict[int, Path]:
    """The finished checkpoints of a folder by their step, in order."""
    if not place.is_dir():
        return {}
    found = ((_NAME.fullmatch(path.name), path) for path in place.iterdir() if path.is_dir())
    return dict(sorted((int(match[1]), path) for match, path in found if match))


def latest(place: Path) -> Path | None:
    """The last finished checkpoint."""
    return next(reversed(checkpoints(place).values()), None)


def clear_unfinished(place: Path) -> None:
    """Remove what an interrupted run left half written or half removed."""
    shutil.rmtree(place / WRITING, ignore_errors=True)


def finish(folder: Path, target: Path) -> None:
    """Flush a written folder to the disk and give it its name; one that had the name goes."""
    flush(folder)
    if target.exists():
        _remove(target)
    os.rename(folder, target)
    _flush_one(target.parent)


def flush(folder: Path) -> None:
    """Everything under a folder, and the folders themselves, to the disk."""
    for path in sorted(folder.rglob("*"), reverse=True):
        _flush_one(path)
    _flush_one(folder)


def prune(place: Path, *, keep: int, always: set[int]) -> None:
    """Remove all checkpoints but the last `keep`, and those of the steps `always`."""
    steps = list(checkpoints(place))
    for step, path in checkpoints(place).items():
        if step not in steps[-keep:] and step not in always:
            _remove(path)


def _remove(folder: Path) -> None:
    waste = folder.parent / WRITING / f"removed-{folder.name}"
    shutil.rmtree(waste, ignore_errors=True)
    waste.parent.mkdir(exist_ok=True)
    os.rename(folder, waste)
    shutil.rmtree(waste)


def _flush_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
