"""`segue caption` and `segue locate`: what is printed and written, on a model of a few lines."""

import json

import pytest

import segue
from segue.answer import Answer, Segment, Word
from segue.errors import CapabilityError
from segue.images import open_image


class Pointer:
    """Says "a cat" of everything."""

    def caption(self, image, box=None):
        image = open_image(image)
        words = (Word("a", (0, 1), point=(1, 2)), Word("cat", (2, 5), point=(30, 20)))
        return Answer("a cat", (), words, image.width, image.height, "pointer", image=image)

    def caption_dense(self, image):
        raise CapabilityError("pointer cannot find objects by itself")

    def locate(self, image, expression):
        image = open_image(image)
        segment = Segment(expression, (0, len(expression)), predicted_box=(1, 2, 11, 22), score=0.5)
        return Answer(expression, (segment,), (), image.width, image.height, "pointer", image=image)


@pytest.fixture
def pointing(cli, monkeypatch):
    monkeypatch.setattr(segue, "load", lambda name, **_: Pointer(), raising=False)
    return cli


def test_a_caption_is_printed_drawn_and_animated(pointing, picture, tmp_path):
    result = pointing("caption", picture)
    assert result.code == 0
    assert result.out.splitlines()[0] == "a cat"
    names = sorted(path.name for path in (tmp_path / "outputs").iterdir())
    assert names == ["pet-caption.gif", "pet-caption.json", "pet-caption.png"]


def test_a_caption_as_json_alone(pointing, picture, tmp_path):
    result = pointing("caption", picture, "--box", "0,0,20,20", "--json")
    assert json.loads(result.out)["words"][1]["text"] == "cat"
    assert list(tmp_path.iterdir()) == [picture]


@pytest.mark.parametrize("box", ["1,2,3", "a,b,c,d", ""])
def test_boxes_that_are_none(pointing, picture, box):
    result = pointing("caption", picture, "--box", box)
    assert result.code == 2
    assert "x0,y0,x1,y1" in result.err


def test_what_a_model_cannot_do_is_one_line(pointing, picture):
    result = pointing("caption", picture, "--dense")
    assert result.code == 2
    assert result.err == "segue: error: pointer cannot find objects by itself\n"
    assert pointing("caption", picture, "--dense", "--box", "0,0,9,9").code == 2


def test_an_expression_is_located(pointing, picture, tmp_path):
    result = pointing("locate", picture, "the cat", "--out", "here")
    assert result.code == 0
    assert "the cat: 10 x 20 pixels at (1, 2), score 0.50" in result.out
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == [
        "pet-the-cat.json",
        "pet-the-cat.png",
    ]
    located = json.loads(pointing("locate", picture, "the cat", "--json").out)
    assert located["segments"][0]["bbox"] == [1, 2, 10, 20]
