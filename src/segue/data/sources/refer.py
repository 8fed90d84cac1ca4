"""RefCOCO, RefCOCO+, RefCOCOg and RefCLEF, in the files of the REFER interface (Kazemzadeh et al. 2014, Yu et
al. 2016, Mao et al. 2016).

`refs(<who split it>).p` is a pickled list of referred objects with their sentences, `instances.json` a COCO
file of the pictures and their annotations. A record is a picture with all sentences of the asked split, as
LISA and GSVA sample and evaluate them: an expression is a sentence (`sent`, the cleaned one, as they take
it; its `id` is `sent_id`), an object an annotation that a sentence refers to. RefCLEF's masks are lists of
encodings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from segue.data.json_index import Place, read_values, scan_json
from segue.data.native import Expression, ObjectRecord, Record
from segue.data.pickles import read_plain_pickle
from segue.data.sources import DataSource, SourceFile
from segue.data.sources.coco_pictures import coco_folder, coco_pictures
from segue.data.sources.official_files import check_files, check_split, naming, native_object
from segue.errors import DataError

REFER_PAGE = "https://github.com/lichengunc/refer (and the archived links in LISA's README)"
_SAIAPR = "refer_seg/images/saiapr_tc-12"
_SENTENCE_KEYS = ("sent_id", "sent")
_REF_KEYS = ("ref_id", "image_id", "ann_id", "category_id", "source")

_SPLITS: dict[str, dict[str, tuple[str, ...]]] = {
    "refclef": {
        "unc": ("train", "val", "testA", "testB", "testC"),
        "berkeley": ("train", "val", "test"),
    },
    "refcoco": {"unc": ("train", "val", "testA", "testB"), "google": ("train", "val", "test")},
    "refcoco+": {"unc": ("train", "val", "testA", "testB")},
    "refcocog": {"umd": ("train", "val", "test"), "google": ("train", "val")},
}


class ReferRecords(Sequence[Record]):
    """The pictures that some referred objects lie in, in the order in which they are first named.

    `refs_path` is named in errors; `refs` are REFER's dictionaries: image_id, ann_id (a number, a list, or
    [-1] and [] for no target), sentences, and optionally `source`, which becomes the expressions' kind. The
    pictures lie in `folder`; with `by_year`, in that one beside it which their names tell
    ("COCO_val2014_...").
    """

    def __init__(
        self,
        refs_path: Path,
        refs: Iterable[Any],
        *,
        instances: Path,
        folder: Path,
        by_year: bool = False,
        source: str,
    ) -> None:
        self.folder = folder.parent if by_year else folder
        self._refs_path, self._instances = refs_path, instances
        self._by_year, self._source = by_year, source
        self._groups = _by_picture(refs)
        if not self._groups:
            raise DataError(f"{refs_path}: it has no refs of the split that was asked for")
        wanted = {key for group in self._groups for ref in group for key in _wanted(ref)}
        self._places, self._names = _index(instances, wanted)

    def __len__(self) -> int:
        return len(self._groups)

    def __getitem__(self, index: int) -> Record:  # type: ignore[override]
        group = self._groups[index]
        with naming(self._refs_path, _described(group)):
            image_id = group[0]["image_id"]
            entries = [(ref, _annotation_ids(ref)) for ref in group]
            ann_ids = list(dict.fromkeys(id_ for _, ids in entries for id_ in ids))
            picture, *annotations = self._read([("images", image_id), *(("annotations", i) for i in ann_ids)])
            expressions = [expression for ref, ids in entries for expression in self._expressions(ref, ids)]
            with naming(self._instances, f"image {image_id}"):
                height, width, name = picture["height"], picture["width"], picture["file_name"]
                objects = [
                    self._object(entry, id_, image_id, height, width)
                    for id_, entry in zip(ann_ids, annotations, strict=True)
                ]
            return Record(
                image=f"{_coco_year(name)}/{name}" if self._by_year else name,
                width=width,
                height=height,
                objects=objects,
                expressions=expressions,
                source=self._source,
            )

    def _expressions(self, ref: dict[str, Any], ids: list[int]) -> list[Expression]:
        with naming(self._refs_path, f"ref {ref.get('ref_id')}"):
            return [
                Expression(
                    text=sentence["sent"].strip(),
                    ids=ids,
                    kind=ref.get("source", ""),
                    id=sentence.get("sent_id"),
                )
                for sentence in ref["sentences"]
            ]

    def _read(self, keys: list[tuple[str, Any]]) -> list[Any]:
        missing = [f"{kind} {id_}" for kind, id_ in keys if (kind, id_) not in self._places]
        if missing:
            raise ValueError(f"{self._instances.name} does not have {', '.join(missing[:5])}")
        return read_values(self._instances, [self._places[key] for key in keys])

    def _object(
        self, entry: dict[str, Any], id_: int, image_id: Any, height: int, width: int
    ) -> ObjectRecord:
        with naming(self._instances, f"annotation {id_}"):
            if entry["image_id"] != image_id:
                raise ValueError(f"it lies in image {entry['image_id']}, but image {image_id} refers to it")
            if entry["category_id"] not in self._names:
                raise ValueError(f"no category has the id {entry['category_id']}")
            category = self._names[entry["category_id"]]
            return native_object(entry, category=category, height=height, width=width)


def slim(ref: Any) -> Any:
    """A REFER dictionary without what is not used (tokens, raw text), which is most of it; anything else as
    it is, to be refused when it is asked for."""
    if not isinstance(ref, dict) or not isinstance(ref.get("sentences"), list):
        return ref
    sentences = [
        {key: sentence[key] for key in _SENTENCE_KEYS if key in sentence}
        if isinstance(sentence, dict)
        else {}
        for sentence in ref["sentences"]
    ]
    return {**{key: ref[key] for key in _REF_KEYS if key in ref}, "sentences": sentences}


def belongs(ref: Any, split: str) -> bool:
    """Whether a ref is of the split. As REFER has it, one marked "testAB" is of testA and of testB, and
    "test" means every test split. A ref that does not say belongs to each, so that it is noticed."""
    marked = ref.get("split") if isinstance(ref, dict) else None
    if not isinstance(marked, str):
        return True
    if split in ("testA", "testB", "testC"):
        return marked.startswith("test") and split[-1] in marked[4:]
    return "test" in marked if split == "test" else marked == split


def _open(name: str, root: Path, split: str) -> ReferRecords:
    check_split(name, split, _names_of_splits(name))
    check_files(name, root, split, _files(name, split))
    by, part = split.split("/")
    path = root / "refer_seg" / name / f"refs({by}).p"
    refs = read_plain_pickle(path)
    if not isinstance(refs, list):
        raise DataError(f"{path}: holds a {type(refs).__name__} instead of REFER's list of refs")
    return ReferRecords(
        path,
        (slim(ref) for ref in refs if belongs(ref, part)),
        instances=root / "refer_seg" / name / "instances.json",
        folder=root / (_SAIAPR if name == "refclef" else coco_folder(root, "train2014")),
        source=name,
    )


def _files(name: str, split: str) -> tuple[SourceFile, ...]:
    check_split(name, split, _names_of_splits(name))
    by = split.split("/")[0]
    saiapr = SourceFile(_SAIAPR, "pictures", f"{REFER_PAGE}, saiapr_tc-12.zip")
    return (
        SourceFile(f"refer_seg/{name}/refs({by}).p", "referring expressions", f"{REFER_PAGE}, {name}.zip"),
        SourceFile(f"refer_seg/{name}/instances.json", "annotations", f"{REFER_PAGE}, {name}.zip"),
        saiapr if name == "refclef" else coco_pictures("train2014"),
    )


def _names_of_splits(name: str) -> tuple[str, ...]:
    return tuple(f"{by}/{part}" for by, parts in _SPLITS[name].items() for part in parts)


def _by_picture(refs: Iterable[Any]) -> list[list[Any]]:
    groups: list[list[Any]] = []
    of_image: dict[Any, list[Any]] = {}
    for ref in refs:
        image_id = ref.get("image_id") if isinstance(ref, dict) else None
        group = of_image.get(image_id) if isinstance(image_id, int) else None
        if group is None:
            group = []
            groups.append(group)
            if isinstance(image_id, int):
                of_image[image_id] = group
        group.append(ref)
    return groups


def _wanted(ref: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(ref, dict):
        ids = ref.get("ann_id")
        keys = [("images", ref.get("image_id"))]
        keys += [("annotations", id_) for id_ in (ids if isinstance(ids, list) else [ids])]
        yield from (key for key in keys if isinstance(key[1], int))


def _annotation_ids(ref: Mapping[str, Any]) -> list[int]:
    """The annotations that a ref means. gRefCOCO says [-1] for none; Ref-ZOM [], or marks the ref "zero"."""
    ids = ref["ann_id"] if isinstance(ref["ann_id"], list) else [ref["ann_id"]]
    return [] if ids == [-1] or ref.get("source") == "zero" else ids


def _index(path: Path, wanted: set[tuple[str, Any]]) -> tuple[dict[tuple[str, Any], Place], dict[Any, str]]:
    """Where in instances.json the wanted pictures and annotations are, and the categories' names."""
    places: dict[tuple[str, Any], Place] = {}
    names: dict[Any, str] = {}
    seen = set()
    for kind, place, value in scan_json(path, ("images", "annotations", "categories")):
        seen.add(kind)
        id_ = value.get("id") if isinstance(value, dict) else None
        if kind == "categories" and id_ is not None:
            names[id_] = str(value.get("name", ""))
        elif isinstance(id_, int) and (kind, id_) in wanted:
            places[kind, id_] = place
    for kind in ("images", "annotations", "categories"):
        if kind not in seen:
            raise DataError(f"{path}: not a COCO instances file: it has no {kind}")
    return places, names


def _coco_year(file_name: str) -> str:
    return "val2014" if "COCO_val2014" in file_name else "train2014"


def _described(group: list[Any]) -> str:
    ref = group[0]
    if not isinstance(ref, dict):
        return f"an entry that is a {type(ref).__name__} instead of a ref"
    number = f"ref {ref.get('ref_id', 'without a ref_id')}"
    return f"image {ref['image_id']} ({number})" if "image_id" in ref else number


SOURCES = tuple(
    DataSource(
        name=name,
        title=title,
        splits=_names_of_splits(name),
        files=partial(_files, name),
        open=partial(_open, name),
    )
    for name, title in (
        ("refclef", "RefCLEF (ReferItGame)"),
        ("refcoco", "RefCOCO"),
        ("refcoco+", "RefCOCO+"),
        ("refcocog", "RefCOCOg"),
    )
)
