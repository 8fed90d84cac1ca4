"""Prompt templates: how a question becomes the exact string or ids that a language model was trained on.

`llava_v1` is the template of every published LISA, GSVA and PixelLM checkpoint; `llava_llama_2` exists in
their code for Llama-2 chat models; `llava_plain` is `llava_v1` without the system's words, for mini-lisa and
mini-gsva; `mini` is the short one of segue/mini. This file knows strings only, no
tokenizer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segue.errors import SegueError

__all__ = ["IMAGE_PLACEHOLDER", "TEMPLATES", "Template", "get_template"]

IMAGE_PLACEHOLDER = "<image>"
"""Stands for the picture in a prompt; processing puts the image tokens in its place."""

_VICUNA_SYSTEM = (
    "A chat between a curious human and an artificial intelligence assistant. "
    "The assistant gives helpful, detailed, and polite answers to the human's questions."
)
_LLAMA_2_SYSTEM = (
    "You are a helpful language and vision assistant. You are able to understand the visual content that the "
    "user provides, and assist the user with a variety of tasks using natural language."
)


@dataclass(frozen=True)
class Template:
    """Fixed strings around the turns of a conversation.

    A turn is rendered as `user_prefix + question + user_suffix + answer_prefix + answer + answer_suffix`; an
    open turn (no answer yet) ends after `answer_open`. `opening` precedes it all, `image` the first question.
    """

    name: str
    opening: str
    user_prefix: str
    user_suffix: str
    answer_open: str
    answer_prefix: str
    answer_suffix: str
    image: str = f"<im_start>{IMAGE_PLACEHOLDER}<im_end>\n"
    later_user_prefix: str | None = None
    image_first: bool = False
    """The picture stands before the first user prefix: every question on it shares what comes before."""

    def render(self, turns: Sequence[tuple[str, str | None]], *, with_image: bool = True) -> str:
        """The prompt of a conversation: (question, answer) turns; only the last answer may be None."""
        if any(answer is None for _, answer in turns[:-1]):
            raise SegueError("only the last turn of a conversation may lack its answer")
        text = self.opening
        for index, (question, answer) in enumerate(turns):
            prefix = self.user_prefix if index == 0 else self._later_prefix
            image = self.image if with_image and index == 0 else ""
            text += image + prefix if self.image_first else prefix + image
            text += question + self.user_suffix
            text += self.answer_open if answer is None else self.answer_prefix + answer + self.answer_suffix
        return text

    def later(self, question: str) -> str:
        """An open question that follows an answered one, without what stands before it."""
        return self._later_prefix + question + self.user_suffix + self.answer_open

    @property
    def _later_prefix(self) -> str:
        return self.user_prefix if self.later_user_prefix is None else self.later_user_prefix


TEMPLATES = {
    template.name: template
    for template in (
        Template(
            name="llava_v1",
            opening=_VICUNA_SYSTEM + " ",
            user_prefix="USER: ",
            user_suffix=" ",
            answer_open="ASSISTANT:",
            answer_prefix="ASSISTANT: ",
            answer_suffix="</s>",
        ),
        Template(
            name="llava_llama_2",
            opening=f"[INST] <<SYS>>\n{_LLAMA_2_SYSTEM}\n<</SYS>>\n\n",
            user_prefix="",
            user_suffix=" [/INST]",
            answer_open="",
            answer_prefix=" ",
            answer_suffix=" </s>",
            later_user_prefix="<s>[INST] ",
        ),
        Template(
            name="mini",
            opening="",
            user_prefix="<user>",
            user_suffix="",
            answer_open="<answer>",
            answer_prefix="<answer>",
            answer_suffix="</s>",
            image=IMAGE_PLACEHOLDER,
            image_first=True,
        ),
        Template(
            name="llava_plain",
            opening="",
            user_prefix="USER: ",
            user_suffix=" ",
            answer_open="ASSISTANT:",
            answer_prefix="ASSISTANT: ",
            answer_suffix="</s>",
        ),
    )
}


def get_template(name: str) -> Template:
    """The template of that name; raises SegueError naming those there are."""
    if name not in TEMPLATES:
        raise SegueError(f"no prompt template {name!r}; there are {', '.join(TEMPLATES)}")
    return TEMPLATES[name]
