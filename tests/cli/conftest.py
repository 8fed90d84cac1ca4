"""The command line on a model of a few lines: it sees a cat in the left half, whatever it is asked."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image

import segue
from segue.answer import Answer, Segment
from segue.cli.main import main
from segue.errors import QuestionError
from segue.images import open_image


class CatModel:
    def encode(self, image):
        return image

    def ask(self, image, question, region=None):
        if not question.strip():
            raise QuestionError("The question is empty.")
        if question == "forbidden":
            raise QuestionError("That cannot be asked.")
        image = open_image(image)
        mask = np.zeros((image.height, image.width), bool)
        mask[:, : image.width // 2] = True
        segments = (
            Segment.from_mask("cat", (4, 7), mask, score=0.9),
            Segment("dog", (15, 18), rejected=True),
        )
        return Answer("The cat and no dog.", segments, (), image.width, image.height, "cat", image=image)

    def ask_batch(self, pairs):
        return [self.ask(image, question) for image, question in pairs]

    def chat(self, image, history=False):
        model, said = self, []

        class Chat:
            def ask(self, question):
                said.append(question)
                answer = model.ask(image, question)
                return replace(answer, notes=(f"{len(said)} questions so far",)) if history else answer

        return Chat()


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


@pytest.fixture
def cli(capsys, monkeypatch, tmp_path):
    """`cli("ask", "a.png", "Where?")`, run in an empty folder with the cat model."""
    monkeypatch.setattr(segue, "load", lambda name, **_: CatModel(), raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Result:
        with pytest.raises(SystemExit) as exit_info:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Result(int(exit_info.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "pet.png"
    Image.new("RGB", (64, 48), "grey").save(path)
    return path
