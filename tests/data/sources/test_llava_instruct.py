from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from segue.data.sources import get_source, missing_files
from segue.errors import DataError
from segue.images import open_image
from tests.data.sources.writing import HEIGHT, WIDTH, write_json, write_picture

INSTRUCT, MIXTURE = get_source("llava_instruct_150k"), get_source("llava_v1_5_mix665k")
INSTRUCT_FILE = "llava_dataset/llava_instruct_150k.json"
MIXTURE_FILE = "llava_dataset/llava_v1_5_mix665k.json"


def said(*texts: str, first: str = "human") -> list[dict[str, str]]:
    """Messages by turns."""
    speakers = ("human", "gpt") if first == "human" else ("gpt", "human")
    return [{"from": speakers[number % 2], "value": text} for number, text in enumerate(texts)]


CHAT = said("<image>\nWhat is it?", "A bus.", "Which colour?\n<image>", "Red.")


def entry(image: str | None = None, messages: Any = CHAT, id_: str = "000000033471") -> dict[str, Any]:
    content = {"id": id_, "image": image, "conversations": messages}
    return content if image else {key: value for key, value in content.items() if key != "image"}


def test_instruct_150k(tmp_path: Path):
    write_json(tmp_path, INSTRUCT_FILE, [entry("000000033471.jpg")])
    write_picture(tmp_path, "coco/train2017/000000033471.jpg")
    (record,) = INSTRUCT.open(tmp_path, "train")
    assert record.image == "coco/train2017/000000033471.jpg"
    assert (record.width, record.height, record.source) == (WIDTH, HEIGHT, "llava_instruct_150k")
    assert [(t.question, t.answer, t.follows) for t in record.dialogue] == [
        ("What is it?", "A bus.", False),
        ("Which colour?", "Red.", True),
    ]
    assert missing_files(INSTRUCT, tmp_path, "train") == []


def test_the_mixture_has_pictures_of_several_sets_and_text_alone(tmp_path: Path):
    images = ["coco/train2017/1.jpg", "gqa/images/2.jpg", "vg/VG_100K_2/3.jpg"]
    write_json(tmp_path, MIXTURE_FILE, [*(entry(image) for image in images), entry(id_="wgByO4Y_0")])
    # COCO in the layout of the referring sets: the mixture's own path is not there.
    write_picture(tmp_path, "refer_seg/images/mscoco/images/train2017/1.jpg")
    for image in images[1:]:
        write_picture(tmp_path, image)
    everything = MIXTURE.open(tmp_path, "train")
    pictures = MIXTURE.open(tmp_path, "pictures")
    assert len(everything) == 4
    assert [record.image for record in pictures] == [
        "refer_seg/images/mscoco/images/train2017/1.jpg",
        *images[1:],
    ]
    (text,) = MIXTURE.open(tmp_path, "text")
    assert text == everything[3]
    black = open_image(everything.folder / text.image)
    assert black.size == (text.width, text.height) == (336, 336)
    assert black.getextrema() == ((0, 0),) * 3
    assert [file.path for file in missing_files(MIXTURE, tmp_path, "train")] == [
        "ocr_vqa/images",
        "textvqa/train_images",
        "vg/VG_100K",
    ]
    assert missing_files(MIXTURE, tmp_path, "text") == []


CONVERSATIONS = [
    # messages, the answers that are left
    (said("Hello?", "Yes.", "Who?"), ["Yes."]),  # nobody answers the last question
    (said("Welcome.", "Hello?", "Yes.", first="gpt"), ["Yes."]),  # the model cannot begin
    ([{"from": "user", "value": "a?"}, {"from": "assistant", "value": "b"}], ["b"]),
]


@pytest.mark.parametrize(("messages", "answers"), CONVERSATIONS)
def test_who_speaks(messages: Any, answers: list[str], tmp_path: Path):
    write_json(tmp_path, MIXTURE_FILE, [entry(messages=messages)])
    (record,) = MIXTURE.open(tmp_path, "text")
    assert [turn.answer for turn in record.dialogue] == answers


BROKEN = [
    (entry("gone.jpg"), "gone.jpg does not exist"),
    (entry(messages=[]), "nothing is asked"),
    (entry(messages=said("a?")), "nothing is asked"),
    (entry(messages=[*said("a?"), *said("b?")]), "'human' and 'human' where a human and gpt"),
    (entry(messages=said("<image>", "A bus.")), "question"),
    ({"id": "x"}, "'conversations' is missing"),
    ("x", "'str'"),
]


@pytest.mark.parametrize(("content", "words"), BROKEN)
def test_a_broken_record_is_named_and_the_others_stay(content: Any, words: str, tmp_path: Path):
    path = write_json(tmp_path, MIXTURE_FILE, [entry(), content])
    records = MIXTURE.open(tmp_path, "train")
    with pytest.raises(DataError) as error:
        records[1]
    assert str(error.value).startswith(f"{path}, record ")
    assert words in str(error.value)
    assert records[0].dialogue


def test_what_is_missing(tmp_path: Path):
    with pytest.raises(
        DataError, match=r"llava_instruct_150k.json is missing; get it from https://huggingface"
    ):
        INSTRUCT.open(tmp_path, "train")
    with pytest.raises(DataError, match=r"no split 'val'; there are: train, pictures, text"):
        MIXTURE.open(tmp_path, "val")
    write_json(tmp_path, MIXTURE_FILE, [entry("gqa/images/1.jpg")])
    with pytest.raises(DataError, match=r"no such conversation"):
        MIXTURE.open(tmp_path, "text")
