"""LLaVA-Instruct 150k and the v1.5 mixture of 665k: conversations about pictures, and some in text alone.

A file is a list of `id`, `image` and `conversations`, turns of "human" and "gpt" with `<image>` where the
picture stands. A record's dialogue is the whole conversation without that mark, every turn but the first
following the one before it. The 150k are all about COCO pictures, named by their file; the mixture names
pictures of several data sets with their folder, and its conversations without a picture get a black one
(`NO_PICTURE`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from segue.data.json_index import read_values, scan_json
from segue.data.native import Record, Turn
from segue.data.reading import upright_size
from segue.data.sources import DataSource, SourceFile, locate
from segue.data.sources.coco_pictures import coco_folder, coco_pictures
from segue.data.sources.official_files import check_split, naming
from segue.errors import DataError

__all__ = ["NO_PICTURE", "SOURCES", "conversation_turns"]

NO_PICTURE = Path(__file__).with_name("no_picture.png")
"""A black picture of 336 x 336 for conversations in text alone: LLaVA too gives its tower zeros then."""

_MARK = "<image>"
_HUB = "https://huggingface.co/datasets/liuhaotian/LLaVA-Instruct-150K"
_LLAVA = "https://github.com/haotian-liu/LLaVA#visual-instruction-tuning"
_INSTRUCT = SourceFile("llava_dataset/llava_instruct_150k.json", "LLaVA-Instruct 150k", _HUB)
_MIXTURE = SourceFile("llava_dataset/llava_v1_5_mix665k.json", "LLaVA v1.5's mixture", _HUB)
_MIXTURE_FOLDERS = (
    ("gqa/images", "GQA's pictures"),
    ("ocr_vqa/images", "OCR-VQA's pictures"),
    ("textvqa/train_images", "TextVQA's pictures"),
    ("vg/VG_100K", "Visual Genome's pictures, first part"),
    ("vg/VG_100K_2", "Visual Genome's pictures, second part"),
)
_HUMAN, _MODEL = ("human", "user"), ("gpt", "assistant")


class _Conversations(Sequence[Record]):
    """The conversations of one file of which `wanted` says yes."""

    def __init__(self, path: Path, *, root: Path, source: str, wanted: Callable[[Any], bool]):
        self.folder = root
        self._path, self._source = path, source
        self._places = [e.place for e in scan_json(path, [""]) if wanted(e.value)]
        self._coco = coco_folder(root, "train2017")
        if not self._places:
            raise DataError(f"{path}: no such conversation in it")

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        """Raises `DataError` with file and record where the conversation or its picture is broken."""
        (entry,) = read_values(self._path, [self._places[index]])
        with naming(self._path, f"record {entry.get('id', index) if isinstance(entry, dict) else index}"):
            image = self._image(entry)
            width, height = upright_size(self.folder / image)
            return Record(
                image=image,
                width=width,
                height=height,
                objects=[],
                dialogue=conversation_turns(entry["conversations"]),
                source=self._source,
            )

    def _image(self, entry: Mapping[str, Any]) -> str:
        name = entry.get("image")
        if not name:
            return str(NO_PICTURE)
        if name.startswith("coco/train2017/"):
            name = name.removeprefix("coco/train2017/")
        return name if "/" in name else f"{self._coco}/{name}"


def conversation_turns(messages: Sequence[Mapping[str, str]]) -> list[Turn]:
    """The turns of a conversation: what a human says and the answer to it, in pairs.

    As LLaVA's code: a beginning by the model is passed over, and so is a question at the end that nobody
    answers; in between the two have to alternate.

    Raises:
        DataError, KeyError, TypeError: they do not, or a turn says nothing.
    """
    said = [(message["from"].lower(), message["value"].replace(_MARK, "").strip()) for message in messages]
    if said and said[0][0] in _MODEL:
        said = said[1:]
    turns = []
    for number in range(0, len(said) - 1, 2):
        (asker, question), (answerer, answer) = said[number], said[number + 1]
        if asker not in _HUMAN or answerer not in _MODEL:
            raise DataError(
                f"message {number}: {asker!r} and {answerer!r} where a human and gpt should speak"
            )
        turns.append(Turn(question=question, answer=answer, type="conversation", follows=number > 0))
    if not turns:
        raise DataError("nothing is asked and answered in it")
    return turns


_WANTED: dict[str, Callable[[Any], bool]] = {
    "train": lambda entry: True,
    "pictures": lambda entry: bool(_name(entry)),
    "text": lambda entry: not _name(entry),
}


def _name(entry: Any) -> Any:
    return entry.get("image") if isinstance(entry, Mapping) else "broken"


def _files(name: str, file: SourceFile, splits: Sequence[str], split: str) -> list[SourceFile]:
    check_split(name, split, splits)
    pictures = [coco_pictures("train2017")]
    if file is _MIXTURE:
        pictures += [SourceFile(path, what, _LLAVA) for path, what in _MIXTURE_FOLDERS]
    return [file, *pictures] if split != "text" else [file]


def _open(name: str, file: SourceFile, splits: Sequence[str], root: Path, split: str) -> _Conversations:
    check_split(name, split, splits)
    found = locate(root, file)
    if found is None:
        raise DataError(f"{name}: {root / file.path} is missing; get it from {file.where}")
    return _Conversations(root / found, root=root, source=name, wanted=_WANTED[split])


def _source(name: str, title: str, file: SourceFile, splits: tuple[str, ...]) -> DataSource:
    return DataSource(
        name=name,
        title=title,
        splits=splits,
        files=partial(_files, name, file, splits),
        open=partial(_open, name, file, splits),
    )


SOURCES = (
    _source("llava_instruct_150k", "LLaVA-Instruct 150k", _INSTRUCT, ("train",)),
    _source("llava_v1_5_mix665k", "LLaVA v1.5 mixture", _MIXTURE, ("train", "pictures", "text")),
)
