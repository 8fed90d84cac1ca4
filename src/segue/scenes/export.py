"""Write scenes as a data set: pictures, native records, and the same things in COCO's format.

Scene `i` of a data set follows from the data set's seed, its split and `i` alone, so the files are the same
whatever the number of processes, and a run that was stopped goes on where it ended.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from segue.errors import DataError
from segue.scenes.compose import check_size
from segue.scenes.worlds import world as kinds_of

if TYPE_CHECKING:
    from segue.scenes.questions import Split

SPLITS = ("train", "test")
_CHUNK = 20  # scenes that a process makes before it reports
_QUALITY = 92

Progress = Callable[[int], None]


@dataclass(frozen=True)
class _Settings:
    """All that the scenes follow from; kept beside them, so that a later run cannot mix two data sets."""

    seed: int
    size: tuple[int, int]
    split: Split
    num_turns: int
    world: str
    version: str


def write_scenes(
    folder: str | Path,
    num: int,
    *,
    seed: int = 0,
    size: tuple[int, int] = (256, 192),
    split: Split = "train",
    num_turns: int = 12,
    world: str = "full",
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Write `num` scenes of (width, height) `size` into `folder`, and give the path of its records.

    The folder gets `images/*.jpg`, `records.jsonl` (native), `instances.json` (COCO) and a `README.md`.
    Scenes that are already there are kept; a larger `num` adds to them.  `progress` is called with how many
    are done.  `world` says which kinds there are (`segue.scenes.worlds`).  A script that asks for more than
    one worker needs the usual `if __name__ == "__main__":` guard.
    """
    folder = Path(folder)
    _check(folder, num, seed, size, split, num_turns, workers)
    kinds_of(world)  # refuses an unknown world
    settings = _Settings(
        int(seed), (int(size[0]), int(size[1])), split, num_turns, world, metadata.version("segue")
    )
    try:
        (folder / "images").mkdir(parents=True, exist_ok=True)
        _claim(folder, settings)
        # 1. Find out what is missing, 2. make it, chunk by chunk, 3. join the chunks.
        there = _lines_there(folder)
        missing = [index for index in range(num) if index not in there]
        chunks = [missing[at : at + _CHUNK] for at in range(0, len(missing), _CHUNK)]
        done = num - len(missing)
        for count in _make_chunks(folder, settings, chunks, workers):
            done += count
            if progress is not None:
                progress(done)
        _join(folder, settings)
    except OSError as error:
        place = error.filename or folder
        raise DataError(f"cannot write scenes to {place}: {error.strerror or error}") from error
    return folder / "records.jsonl"


def scene_seed(seed: int, index: int, split: str) -> int:
    """The seed of one scene of a data set; no two splits share one, but for chance."""
    sequence = np.random.SeedSequence([seed, index, SPLITS.index(split)])
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def _check(
    folder: Path, num: int, seed: int, size: tuple[int, int], split: str, num_turns: int, workers: int
) -> None:
    if seed < 0:
        raise DataError(f"seed is {seed}: it must not be negative")
    if num <= 0:
        raise DataError(f"num is {num}: ask for at least one scene")
    if workers <= 0:
        raise DataError(f"workers is {workers}: at least one process must work")
    if num_turns <= 0:
        raise DataError(f"num_turns is {num_turns}: ask for at least one turn a scene")
    if split not in SPLITS:
        raise DataError(f"no split is called {split!r}; there are {' and '.join(SPLITS)}")
    check_size(size)
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file; scenes are written to a folder")


# ------------------------------------------------------------------------------------------- what is there


def _claim(folder: Path, settings: _Settings) -> None:
    """Note the settings in the folder, or refuse a folder that holds scenes of other settings."""
    path = folder / "scenes.json"
    mine = {**asdict(settings), "size": list(settings.size)}
    if not path.exists():
        _write(path, (json.dumps(mine, indent=1) + "\n").encode())
        return
    try:
        theirs = json.loads(path.read_bytes())
    except ValueError as error:
        raise DataError(f"{path} is not JSON ({error}); choose another folder") from error
    if theirs != mine:
        raise DataError(f"{folder} holds scenes made with {theirs}, not {mine}; choose another folder")


def _lines_there(folder: Path) -> dict[int, bytes]:
    """The records that an earlier run wrote, whose picture is there too: index -> line."""
    lines: dict[int, bytes] = {}
    for path in (folder / "records.jsonl", *sorted((folder / ".partial").glob("*.jsonl"))):
        if not path.is_file():
            continue
        for line in path.read_bytes().splitlines():
            try:
                image = json.loads(line)["image"]
                index = int(Path(image).stem)
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(
                    f"{path} holds a line that is no record of a scene; choose another folder"
                ) from error
            if (folder / image).is_file():
                lines[index] = line
    return lines


# ------------------------------------------------------------------------------------------------- making


def _make_chunks(folder: Path, settings: _Settings, chunks: list[list[int]], workers: int) -> Iterator[int]:
    """Make all chunks and yield the size of each as it is finished."""
    if workers == 1 or len(chunks) <= 1:
        for chunk in chunks:
            yield _make_chunk(folder, settings, chunk)
        return
    # Started afresh, not forked: a fork of a process in which torch runs threads may hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(chunks)), mp_context=context) as pool:
        jobs = [pool.submit(_make_chunk, folder, settings, chunk) for chunk in chunks]
        try:
            for job in as_completed(jobs):
                yield job.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _make_chunk(folder: Path, settings: _Settings, indices: list[int]) -> int:
    from segue.scenes import make_scene

    lines = []
    for index in indices:
        pixels, record = make_scene(
            scene_seed(settings.seed, index, settings.split),
            size=settings.size,
            split=settings.split,
            num_turns=settings.num_turns,
            world=settings.world,
        )
        name = f"images/{index:06d}.jpg"
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=_QUALITY)
        _write(folder / name, buffer.getvalue())
        lines.append(record.model_copy(update={"image": name}).model_dump_json(exclude_defaults=True))
    _write(folder / ".partial" / f"{indices[0]:06d}.jsonl", ("\n".join(lines) + "\n").encode())
    return len(lines)


def _write(path: Path, content: bytes) -> None:
    """The file appears whole or not at all."""
    path.parent.mkdir(exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    os.replace(partial, path)


# ------------------------------------------------------------------------------------------------ joining


def _join(folder: Path, settings: _Settings) -> None:
    """Write the files that span all scenes, then drop the chunks."""
    there = _lines_there(folder)
    lines = [there[index] for index in sorted(there)]
    _write(folder / "instances.json", json.dumps(coco(lines), separators=(",", ":")).encode())
    _write(folder / "README.md", _readme(len(lines), settings).encode())
    _write(folder / "records.jsonl", b"\n".join(lines) + b"\n")
    for chunk in (folder / ".partial").glob("*.jsonl"):
        chunk.unlink()
    if (folder / ".partial").is_dir():
        (folder / ".partial").rmdir()


def coco(lines: list[bytes]) -> dict[str, Any]:
    """The whole things of native records (lines of JSON) as one COCO data set, with captions beside them."""
    from pycocotools import mask as coco_mask

    from segue.scenes.kinds import KINDS

    names = sorted(KINDS)
    numbers = {name: number for number, name in enumerate(names, start=1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    captions: list[dict[str, Any]] = []
    for line in lines:
        record = json.loads(line)
        image_id = int(Path(record["image"]).stem) + 1
        images.append(
            {
                "id": image_id,
                "file_name": record["image"],
                "width": record["width"],
                "height": record["height"],
            }
        )
        for thing in record["objects"]:
            if thing.get("part_of") is not None:
                continue
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": numbers[thing["category"]],
                    "segmentation": thing["segmentation"],
                    "area": int(coco_mask.area(thing["segmentation"])),
                    "bbox": thing["bbox"],
                    "iscrowd": 0,
                    "attributes": thing.get("attributes", {}),
                }
            )
        for turn in record["dialogue"]:
            if turn.get("type") == "caption":
                captions.append({"id": len(captions) + 1, "image_id": image_id, "caption": turn["answer"]})
    return {
        "info": {"description": "Scenes drawn by segue", "version": metadata.version("segue")},
        "images": images,
        "annotations": annotations,
        "categories": [
            {"id": numbers[name], "name": name, "supercategory": KINDS[name].group} for name in names
        ],
        "captions": captions,
    }


def _readme(count: int, settings: _Settings) -> str:
    width, height = settings.size
    return f"""# Scenes drawn by segue {settings.version}

{count} pictures of {width} x {height} pixels, drawn by code, with exact labels; no photograph is in them.
Split `{settings.split}`, seed {settings.seed}, at most {settings.num_turns} turns a picture.

- `images/*.jpg`: the pictures.
- `records.jsonl`: one line of JSON a picture in segue's native format: objects and their parts with masks
  (COCO run-length encoding), boxes and attributes, and a dialogue whose phrases name the objects they cover.
  Everything that the pictures show of a kind is labelled.
- `instances.json`: the whole objects in COCO's format; masks are what can be seen, and `captions` holds one
  sentence or more about some of the pictures.
- `scenes.json`: the settings that all this follows from.

Made again, byte for byte, on the same version of segue and its libraries, or made larger, by:

    segue.scenes.export.write_scenes(folder, {count}, seed={settings.seed}, size=({width}, {height}),
                                     split="{settings.split}", num_turns={settings.num_turns})
"""
