"""Prompt templates against strings that the original implementations rendered (parity fixtures)."""

from __future__ import annotations

import pytest

from segue.conversation import IMAGE_PLACEHOLDER, TEMPLATES, get_template
from segue.errors import SegueError

VICUNA = (
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions. "
)
LLAMA_2 = (
    "[INST] <<SYS>>\nYou are a helpful language and vision assistant. You are able to understand the visual "
    "content that the user provides, and assist the user with a variety of tasks using natural language.\n"
    "<</SYS>>\n\n"
)
DOG = "Can you segment the dog in this image?"

# Template, turns, what the original code made of them.
GOLDEN = [
    # LISA, asking
    (
        "llava_v1",
        [("What is in the picture?", None)],
        VICUNA + "USER: <im_start><image><im_end>\nWhat is in the picture? ASSISTANT:",
    ),
    # LISA, training
    (
        "llava_v1",
        [(DOG, "Sure, it is [SEG].")],
        VICUNA + f"USER: <im_start><image><im_end>\n{DOG} ASSISTANT: Sure, it is [SEG].</s>",
    ),
    # LISA, visual question answering: the second round follows "</s>" directly
    (
        "llava_v1",
        [
            ("What is shown in the picture?", "A bright photo with several round shapes."),
            ("Can you segment it?", "It is a dog wearing a hat."),
        ],
        VICUNA
        + "USER: <im_start><image><im_end>\nWhat is shown in the picture? ASSISTANT: A bright photo with "
        "several round shapes.</s>USER: Can you segment it? ASSISTANT: It is a dog wearing a hat.</s>",
    ),
    # PixelLM on Llama-2, asking and training
    ("llava_llama_2", [(DOG, None)], LLAMA_2 + f"<im_start><image><im_end>\n{DOG} [/INST]"),
    (
        "llava_llama_2",
        [(DOG, "It is [SEG].")],
        LLAMA_2 + f"<im_start><image><im_end>\n{DOG} [/INST] It is [SEG]. </s>",
    ),
    # ours
    ("mini", [("where is it?", None)], "<image><user>where is it?<answer>"),
]


@pytest.mark.parametrize(("name", "turns", "prompt"), GOLDEN)
def test_golden_prompts(name, turns, prompt):
    assert get_template(name).render(turns) == prompt


def test_a_prompt_without_picture():
    # PixelLM's plain dialogue on Llama-2
    prompt = get_template("llava_llama_2").render([("hello", "hello there")], with_image=False)
    assert prompt == LLAMA_2 + "hello [/INST] hello there </s>"


def test_later_rounds_of_llama_2_begin_anew():
    prompt = get_template("llava_llama_2").render([("one", "two"), ("three", None)], with_image=False)
    assert prompt == LLAMA_2 + "one [/INST] two </s><s>[INST] three [/INST]"


@pytest.mark.parametrize("name", TEMPLATES)
def test_an_open_prompt_is_the_beginning_of_the_closed_one(name):
    template = get_template(name)
    asked = template.render([("a?", "b."), ("c?", None)])
    assert template.render([("a?", "b."), ("c?", "d.")]).startswith(asked)
    assert asked.count(IMAGE_PLACEHOLDER) == 1


def test_only_the_last_answer_may_be_open():
    with pytest.raises(SegueError, match="last turn"):
        get_template("mini").render([("a?", None), ("b?", None)])


def test_an_unknown_template_names_the_known_ones():
    with pytest.raises(SegueError, match=r"'vicuna'.*llava_v1, llava_llama_2, mini"):
        get_template("vicuna")


@pytest.mark.parametrize("name", list(TEMPLATES))
def test_a_later_question_is_the_end_of_the_whole_conversation(name):
    template = get_template(name)
    rounds = [("one?", "first"), ("two?", "second")]
    whole = template.render([*rounds, ("three?", None)])
    assert whole == template.render(rounds) + template.later("three?")


def test_the_plain_template_has_no_words_of_the_system():
    prompt = get_template("llava_plain").render([("Where?", "It is [SEG]."), ("And?", None)])
    assert prompt == (
        "USER: <im_start><image><im_end>\nWhere? ASSISTANT: It is [SEG].</s>USER: And? ASSISTANT:"
    )
