"""COCO's folders of pictures, which many data sets share, at the places that the papers' projects use."""

from __future__ import annotations

from pathlib import Path

from segue.data.sources import SourceFile, locate

_REFER = "refer_seg/images/mscoco/images"


def coco_pictures(folder: str) -> SourceFile:
    """`train2017`, `val2017`, `train2014` or `val2014`: LISA keeps those of 2014 with the referring sets."""
    own, refer = f"coco/{folder}", f"{_REFER}/{folder}"
    first, second = (refer, own) if folder == "train2014" else (own, refer)
    return SourceFile(
        path=first,
        what=f"COCO's pictures {folder}",
        where=f"http://images.cocodataset.org/zips/{folder}.zip",
        also=(second,),
    )


def coco_folder(root: Path, folder: str) -> str:
    """Where under `root` that folder is, relative to it; where it should be if it is nowhere."""
    file = coco_pictures(folder)
    return locate(root, file) or file.path
