"""Small data sets in the exact form of the published ones, written under a data root: for the tests of the
sources, and for whatever has to run on "every source". Pictures are noise; masks are rectangles.

Each function writes one data set and takes changes to its content as keywords, to break or extend it.
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

WIDTH, HEIGHT = 48, 32
TRAIN2014 = "refer_seg/images/mscoco/images/train2014"


def rectangle(x: int, y: int, width: int, height: int) -> np.ndarray:
    """A bool mask of the pictures' size."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[y : y + height, x : x + width] = True
    return mask


def polygon(x: int, y: int, width: int, height: int) -> list[float]:
    """The outline of that rectangle."""
    return [float(v) for v in (x, y, x + width, y, x + width, y + height, x, y + height)]


def compressed(mask: np.ndarray) -> dict[str, Any]:
    """COCO's compressed encoding as JSON files hold it."""
    rle = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": list(rle["size"]), "counts": rle["counts"].decode()}


def plain_counts(mask: np.ndarray) -> dict[str, Any]:
    """COCO's encoding with a list of counts, as of its crowds."""
    flat = mask.T.ravel().astype(np.int8)
    ends = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff(np.concatenate(([0], ends, [flat.size]))).tolist()
    return {"size": [HEIGHT, WIDTH], "counts": counts if not flat[0] else [0, *counts]}


def picture(path: Path, width: int = WIDTH, height: int = HEIGHT) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(len(path.name)).integers(0, 255, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_pickle(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=2))


def sentence(sent_id: int, text: str) -> dict[str, Any]:
    """A sentence as REFER's files have it."""
    return {"tokens": text.split(), "raw": text.upper(), "sent_id": sent_id, "sent": text}


def ref(ref_id: int, image_id: int, ann_id: Any, split: str, *texts: str, **fields: Any) -> dict[str, Any]:
    """A ref as REFER's files have it; its sentences are numbered from ten times its own number on."""
    sentences = [sentence(10 * ref_id + place, text) for place, text in enumerate(texts)]
    return {
        "ref_id": ref_id,
        "image_id": image_id,
        "ann_id": ann_id,
        "category_id": 18,
        "split": split,
        "file_name": f"COCO_train2014_{image_id:012d}_{ann_id}.jpg",
        "sentences": sentences,
        "sent_ids": [entry["sent_id"] for entry in sentences],
        **fields,
    }


def instances(*, year: str = "train2014", **changes: Any) -> dict[str, Any]:
    """instances.json of the RefCOCO family: two pictures; polygons, plain counts, one of two parts."""
    content: dict[str, Any] = {
        "info": {"description": "small"},
        "licenses": [],
        "images": [
            {
                "id": id_,
                "file_name": f"COCO_{year}_{id_:012d}.jpg",
                "height": HEIGHT,
                "width": WIDTH,
                "license": 1,
                "coco_url": "",
                "date_captured": "",
                "flickr_url": "",
            }
            for id_ in (5, 9)
        ],
        "annotations": [
            annotation(51, 5, 18, [polygon(2, 3, 10, 8)], (2, 3, 10, 8)),
            annotation(52, 5, 18, [polygon(20, 3, 6, 8), polygon(30, 3, 6, 8)], (20, 3, 16, 8)),
            annotation(53, 5, 1, plain_counts(rectangle(0, 20, 48, 5)), (0, 20, 48, 5)),
            annotation(91, 9, 1, [polygon(4, 4, 20, 20)], (4, 4, 20, 20)),
        ],
        "categories": [
            {"id": 1, "name": "person", "supercategory": "person"},
            {"id": 18, "name": "dog", "supercategory": "animal"},
        ],
    }
    return {**content, **changes}


def annotation(
    id_: int, image_id: int, category_id: int, segmentation: Any, box: Any, **fields: Any
) -> dict[str, Any]:
    return {
        "id": id_,
        "image_id": image_id,
        "category_id": category_id,
        "segmentation": segmentation,
        "bbox": [float(v) for v in box],
        "area": float(box[2] * box[3]),
        "iscrowd": 0,
        **fields,
    }


REFS = [
    ref(1, 5, 51, "train", "the left dog", "dog on the left"),
    ref(2, 9, 91, "train", "a man"),
    ref(3, 5, 52, "train", "right dog"),
    ref(4, 9, 91, "val", "the only man"),
    ref(5, 5, 51, "testA", "little dog"),
    ref(6, 5, 52, "testB", "big dog"),
]


def refer(root: Path, name: str = "refcoco", by: str = "unc", *, refs: Any = None, **changes: Any) -> None:
    """RefCOCO, RefCOCO+ or RefCOCOg. By "umd" and "google" the test split is called "test"."""
    known = REFS if refs is None else refs
    if by != "unc" and refs is None:
        known = [{**entry, "split": entry["split"].rstrip("AB")} for entry in known]
    write_pickle(root / f"refer_seg/{name}/refs({by}).p", known)
    write_json(root / f"refer_seg/{name}/instances.json", instances(**changes))
    for id_ in (5, 9):
        picture(root / TRAIN2014 / f"COCO_train2014_{id_:012d}.jpg")


def refclef(root: Path) -> None:
    """RefCLEF: masks are lists of encodings, pictures those of SAIAPR; splits of unc overlap by name."""
    both = [compressed(rectangle(1, 1, 8, 8)), compressed(rectangle(20, 5, 4, 4))]
    refs = [
        ref(1, 112, 1, "train", "sky"),
        ref(2, 112, 2, "testAB", "the two huts"),
        ref(3, 112, 1, "testB", "clouds above"),
    ]
    for by, split in (("unc", None), ("berkeley", "train")):
        content = [entry if split is None else {**entry, "split": split} for entry in refs]
        write_pickle(root / f"refer_seg/refclef/refs({by}).p", content)
    write_json(
        root / "refer_seg/refclef/instances.json",
        {
            "images": [{"id": 112, "file_name": "112.jpg", "width": WIDTH, "height": HEIGHT}],
            "annotations": [
                {
                    "id": 1,
                    "image_id": 112,
                    "category_id": 7,
                    "mask_id": 1,
                    "segmentation": [compressed(rectangle(0, 0, 48, 6))],
                    "bbox": [0, 0, 48, 6],
                    "area": 288,
                },
                {
                    "id": 2,
                    "image_id": 112,
                    "category_id": 8,
                    "mask_id": 2,
                    "segmentation": both,
                    "bbox": [1, 1, 23, 8],
                    "area": 80,
                },
            ],
            "categories": [
                {"id": 7, "name": "sky", "supercategory": "sky"},
                {"id": 8, "name": "hut", "supercategory": "hut"},
            ],
        },
    )
    picture(root / "refer_seg/images/saiapr_tc-12/112.jpg")


def grefcoco(root: Path, *, refs: Any = None, **changes: Any) -> None:
    """gRefCOCO: refs in JSON, with lists of annotations, several, one or [-1]."""
    known = refs or [
        ref(1, 5, [51, 52], "train", "both dogs", category_id=[18, 18]),
        ref(2, 5, [-1], "train", "the cat", category_id=[-1]),
        ref(3, 5, [53], "train", "the crowd", category_id=[1]),
        ref(4, 9, [91], "val", "man", category_id=[1]),
        ref(5, 9, [-1], "testA", "woman", category_id=[-1]),
        ref(6, 5, [51], "testB", "left one", category_id=[18]),
    ]
    write_json(root / "refer_seg/grefcoco/grefs(unc).json", known)
    write_json(root / "refer_seg/grefcoco/instances.json", instances(**changes))
    for id_ in (5, 9):
        picture(root / TRAIN2014 / f"COCO_train2014_{id_:012d}.jpg")


def refzom(root: Path) -> None:
    """Ref-ZOM: a pickle with lists of annotations and a mark of how many an expression means."""
    write_pickle(
        root / "refer_seg/refzom/Ref_ZOM.p",
        [
            ref(1, 5, [51], "train", "the left dog", source="one"),
            ref(2, 5, [51, 52], "train", "two dogs", source="many"),
            ref(3, 5, [], "train", "a sleeping cat", source="zero"),
            ref(4, 9, [91], "test", "man", source="one"),
        ],
    )
    content = instances()
    content["images"][1]["file_name"] = "COCO_val2014_000000000009.jpg"
    write_json(root / "refer_seg/refzom/instances.json", content)
    picture(root / TRAIN2014 / "COCO_train2014_000000000005.jpg")
    picture(root / TRAIN2014 / "../val2014/COCO_val2014_000000000009.jpg")


def mdetr(root: Path, file: str = "mdetr_annotations/finetune_refcoco_train.json", **changes: Any) -> None:
    """MDETR's form: an `images` entry for each sentence; with masks where the file's name says so."""
    sentences = [  # entry, picture, annotation, category, caption, the words that name it
        (100, 5, 51, 18, "the left dog", [[9, 12]]),
        (101, 9, 91, 1, "a man", [[2, 5]]),
        (102, 5, 51, 18, "dog on the left", [[0, 3]]),
        (103, 5, 52, 18, "right dog", []),
    ]
    known = {entry["id"]: entry for entry in instances()["annotations"]}
    content: dict[str, Any] = {
        "info": [],
        "licenses": [],
        "images": [
            {
                "file_name": f"COCO_train2014_{image_id:012d}.jpg",
                "height": HEIGHT,
                "width": WIDTH,
                "id": number,
                "original_id": image_id,
                "caption": caption,
                "dataset_name": "refcoco",
                "tokens_negative": [[0, 3]],
            }
            for number, image_id, _, _, caption, _ in sentences
        ],
        "annotations": [
            {
                "area": known[ann_id]["area"],
                "iscrowd": 0,
                "image_id": number,
                "category_id": category_id,
                "id": 1000 + number,
                "bbox": known[ann_id]["bbox"],
                "original_id": ann_id,
                "tokens_positive": words,
                **({"segmentation": known[ann_id]["segmentation"]} if "with_mask" in file else {}),
            }
            for number, _, ann_id, category_id, _, words in sentences
        ],
        "categories": instances()["categories"],
    }
    write_json(root / file, {**content, **changes})
    for id_ in (5, 9):
        picture(root / "coco/train2014" / f"COCO_train2014_{id_:012d}.jpg")


def seqtr(root: Path, name: str = "refcoco-unc", **changes: Any) -> None:
    """SeqTR's form, as UNINEXT took it: a list for each split, an entry for each object."""
    mixed, flickr = name == "mixed", name == "flickr30k"

    def entry(image_id: int, box: tuple[int, ...], mask: Any, *texts: str, **fields: Any) -> dict[str, Any]:
        known = {
            "image_id": image_id,
            "height": HEIGHT,
            "width": WIDTH,
            "bbox": [float(v) for v in box],
            "expressions": list(texts),
        }
        return {**known, **({} if mask is None else {"mask": mask, "category_id": 0}), **fields}

    if flickr:
        train = [entry(70, (1, 2, 5, 6), None, "A man"), entry(70, (9, 9, 4, 4), None, "a red hat")]
        content = {"train": train, "val": train[:1]}
        picture(root / "flickr30k/flickr30k-images/70.jpg")
    else:
        source = {"data_source": "coco"} if mixed else {}
        train = [
            entry(5, (2, 3, 10, 8), [polygon(2, 3, 10, 8)], "the left dog", "dog on the left", **source),
            entry(9, (4, 4, 20, 20), [polygon(4, 4, 20, 20)], "a man", **source),
            entry(5, (0, 20, 48, 5), plain_counts(rectangle(0, 20, 48, 5)), "the crowd", **source),
        ]
        if mixed:
            train.insert(1, entry(61, (3, 3, 6, 6), None, "a lamp", data_source="vg"))
            picture(root / "vg/images/61.jpg")
        content = {"train": train, **dict.fromkeys(("val", "test", "testA", "testB"), train[:1])}
    write_json(root / f"annotations/{name}/instances.json", {**content, **changes})
    for id_ in (5, 9):
        picture(root / "coco/train2014" / f"COCO_train2014_{id_:012d}.jpg")


def uninext_mixed(root: Path) -> None:
    """The COCO form that UNINEXT's converter writes: one `images` entry with sentences for each object."""
    write_json(
        root / "annotations/refcoco-mixed/instances_train.json",
        {
            "images": [
                {
                    "file_name": "COCO_train2014_000000000005.jpg",
                    "height": HEIGHT,
                    "width": WIDTH,
                    "id": number,
                    "expressions": texts,
                }
                for number, texts in ((1, ["left dog", "dog"]), (2, ["right dog"]))
            ],
            "annotations": [
                annotation(1, 1, 1, [polygon(2, 3, 10, 8)], (2, 3, 10, 8)),
                annotation(2, 2, 1, [polygon(20, 3, 6, 8)], (20, 3, 6, 8)),
            ],
            "categories": [{"supercategory": "object", "id": 1, "name": "object"}],
        },
    )
    picture(root / "coco/train2014/COCO_train2014_000000000005.jpg")


def label_map(path: Path, values: np.ndarray, *, palette: bool = False) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(values.astype(np.uint8))
    if palette:
        image = Image.fromarray(values.astype(np.uint8), mode="P")
        image.putpalette(np.arange(768, dtype=np.uint8).tobytes())
    image.save(path)


def bands(*values: int) -> np.ndarray:
    """A label map of upright bands of those values."""
    columns = np.repeat(values, -(-WIDTH // len(values)))[:WIDTH]
    return np.tile(columns, (HEIGHT, 1))


def ade20k(root: Path) -> None:
    """ADE20K: 0 is "other", 1 is "wall", 3 is "sky", 150 is "flag"."""
    for split in ("training", "validation"):
        for number, values in ((2, (3, 1)), (1, (0, 1, 150))):
            name = f"ADE_{'train' if split == 'training' else 'val'}_{number:08d}"
            label_map(root / f"ade20k/annotations/{split}/{name}.png", bands(*values))
            picture(root / f"ade20k/images/{split}/{name}.jpg")


def coco_stuff(root: Path) -> None:
    """COCO-Stuff's "stuffthingmaps": 0 is "person", 17 "dog", 156 "sky", 170 "wall-brick", 255 unlabelled."""
    for split in ("train2017", "val2017"):
        label_map(root / f"cocostuff/{split}/000000000009.png", bands(0, 17, 156, 170, 255))
        picture(root / f"coco/{split}/000000000009.jpg")


def mapillary(root: Path, labels: list[dict[str, Any]] | None = None) -> None:
    """Mapillary Vistas 2.0: the labels are listed in the configuration file; maps have palettes."""
    known = labels or [
        {"name": "animal--bird", "readable": "Bird"},
        {"name": "construction--flat--road", "readable": "Road"},
        {"name": "object--vehicle--car", "readable": "Car"},
        {"name": "void--unlabeled", "readable": "Unlabeled"},
    ]
    fields = {"instances": True, "evaluate": True, "color": [1, 2, 3]}
    write_json(
        root / "mapillary/config_v2.0.json",
        {"labels": [{**fields, **entry} for entry in known], "version": "2.0", "mapping": "public"},
    )
    for split in ("training", "validation"):
        label_map(root / f"mapillary/{split}/v2.0/labels/aB_c-1.png", bands(1, 2, 3), palette=True)
        picture(root / f"mapillary/{split}/images/aB_c-1.jpg")


def paco_lvis(root: Path, **changes: Any) -> None:
    """PACO-LVIS: a dog with its ear, a car of which no more is known."""
    fields = {
        "attribute_ids": [5],
        "dom_color_ids": [],
        "unknown_color": 0,
        "unknown_pattern_marking": 1,
        "unknown_material": 1,
        "unknown_transparency": 1,
    }
    content: dict[str, Any] = {
        "info": {},
        "licenses": [],
        "images": [
            {
                "id": 9,
                "file_name": "train2017/000000000009.jpg",
                "width": WIDTH,
                "height": HEIGHT,
                "neg_category_ids": [3],
                "not_exhaustive_category_ids": [2],
                "neg_category_ids_attrs": [],
                "not_exhaustive_category_ids_attrs": [],
                "license": 1,
            }
        ],
        "annotations": [
            annotation(1, 9, 1, compressed(rectangle(2, 2, 20, 20)), (2, 2, 20, 20), obj_ann_id=1, **fields),
            annotation(2, 9, 100, compressed(rectangle(2, 2, 5, 5)), (2, 2, 5, 5), obj_ann_id=1, **fields),
            annotation(3, 9, 2, compressed(rectangle(30, 5, 9, 9)), (30, 5, 9, 9), obj_ann_id=3, **fields),
        ],
        "categories": [
            {"id": 1, "name": "dog", "supercategory": "OBJECT", "synset": "dog.n.01", "frequency": "f"},
            {"id": 2, "name": "car_(automobile)", "supercategory": "OBJECT"},
            {"id": 3, "name": "mug", "supercategory": "OBJECT"},
            {"id": 100, "name": "dog:ear", "supercategory": "PART"},
            {"id": 101, "name": "car_(automobile):wheel", "supercategory": "PART"},
        ],
        "part_categories": [{"supercategory": "PART", "id": 1, "name": "ear"}],
        "attributes": [{"supercategory": "ATTR", "id": 5, "name": "brown"}],
        "attr_type_to_attr_idxs": {"color": [5]},
    }
    for split in ("train", "val", "test"):
        write_json(root / f"vlpart/paco/annotations/paco_lvis_v1_{split}.json", {**content, **changes})
    picture(root / "coco/train2017/000000000009.jpg")


def pascal_part(root: Path, **changes: Any) -> None:
    """PASCAL-Part as VLPart's script writes it: parts alone, boxes one pixel short."""
    content: dict[str, Any] = {
        "categories": [
            {"id": 49, "name": "dog:head"},
            {"id": 53, "name": "dog:paw", "abbr": "dog:pa"},
            {"id": 84, "name": "potted plant:pot"},
        ],
        "images": [{"id": 2008000002, "file_name": "2008_000002.jpg", "height": HEIGHT, "width": WIDTH}],
        "annotations": [
            annotation(0, 2008000002, 49, compressed(rectangle(3, 4, 10, 6)), (3, 4, 9, 5)),
            annotation(1, 2008000002, 84, compressed(rectangle(30, 4, 1, 6)), (30, 4, 0, 5)),
        ],
    }
    for split in ("train", "val"):
        write_json(root / f"vlpart/pascal_part/{split}.json", {**content, **changes})
    picture(root / "vlpart/pascal_part/VOCdevkit/VOC2010/JPEGImages/2008_000002.jpg")


def everything(root: Path) -> None:
    """All of them in one root, as a user would lay them out."""
    for name, ways in (
        ("refcoco", ("unc", "google")),
        ("refcoco+", ("unc",)),
        ("refcocog", ("umd", "google")),
    ):
        for by in ways:
            refer(root, name, by)
    refclef(root)
    grefcoco(root)
    refzom(root)
    for name, splits in (
        ("refcoco", ("train", "val", "testA", "testB")),
        ("refcoco+", ("train", "val", "testA", "testB")),
        ("refcocog", ("train", "val", "test")),
    ):
        for split in splits:
            mdetr(root, f"mdetr_annotations/finetune_{name}_{split}.json")
    for name, splits in (
        ("merge_coco_img_safe", ("train",)),
        ("refcoco_unc", ("train", "val", "testA", "testB")),
        ("refcocoplus_unc", ("train", "val", "testA", "testB")),
        ("refcocog_umd", ("train", "val", "test")),
    ):
        for split in splits:
            mdetr(root, f"mdetr_annotations_with_mask/{name}_{split}.json")
    for name in ("refcoco-unc", "refcocoplus-unc", "refcocog-umd", "refcocog-google", "mixed", "flickr30k"):
        seqtr(root, name)
    uninext_mixed(root)
    for write in (ade20k, coco_stuff, mapillary, paco_lvis, pascal_part):
        write(root)
