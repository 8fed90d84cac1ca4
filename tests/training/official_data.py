"""Small official files of every source that the papers' recipes name, under one data root.

The sources' own tests write them; each set has pictures of its own here, as their sizes differ.
"""

from __future__ import annotations

from pathlib import Path

from tests.data import pictures
from tests.data.sources import (
    official,
    test_coco_captions,
    test_llava_instruct,
    test_localized_narratives,
    test_muse,
    test_reasonseg,
    test_visual_genome,
)
from tests.data.sources.writing import HEIGHT, WIDTH, write_json, write_lines, write_picture


def write_everything(root: Path) -> None:
    """All of them."""
    official.everything(root)
    chat = test_llava_instruct.entry("000000000033.jpg", id_="000000000033")
    write_json(root, test_llava_instruct.INSTRUCT_FILE, [chat])
    for split in ("train", "val"):
        for name in ("a", "b"):
            test_reasonseg.write(root, split, name, test_reasonseg.annotation())
    test_reasonseg.explain(root, {"image": "a.jpg", "query": "Why?", "outputs": "It holds tea."})
    muse = "http://images.cocodataset.org/train2017/000000000044.jpg"
    test_muse.write(root, "muse/muse_train.json", test_muse.entry(coco_url=muse))
    image = {"id": 55, "file_name": "000000000055.jpg", "width": WIDTH, "height": HEIGHT}
    captions = [{"id": number, "image_id": 55, "caption": "The red mug."} for number in (1, 2)]
    write_json(
        root,
        "coco/annotations/captions_train2017.json",
        test_coco_captions.official(images=[image], annotations=captions),
    )
    for shard in range(4):
        write_lines(
            root,
            f"localized_narratives/coco_train_localized_narratives-0000{shard}-of-00004.jsonl",
            test_localized_narratives.narrative("55", dataset_id="mscoco_train2017"),
        )
    test_visual_genome.write_grit(root, "train")
    for number in (33, 55):
        write_picture(root, f"coco/train2017/{number:012d}.jpg")
    write_picture(root, "coco/train2017/000000000044.jpg", (pictures.WIDTH, pictures.HEIGHT))
    for number in (1, 2):
        write_picture(root, f"vg/images/{number}.jpg")
