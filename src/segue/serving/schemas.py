"""What the endpoints take and give, as OpenAPI shows it. An answer is `segue.answer_json.AnswerJson`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from segue.answer_json import AnswerJson, ImageJson, SegmentJson, WordJson

__all__ = [
    "AnswersBody",
    "AskRequest",
    "CaptionRequest",
    "ChatCompletion",
    "ChatRequest",
    "LocateRequest",
    "ModelBody",
    "ModelsBody",
    "SegmentationsBody",
]

_EXAMPLE_IMAGE = "data:image/png;base64,iVBORw0KGgo..."
_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="

Coordinate = Annotated[float, Field(allow_inf_nan=False, ge=-1e7, le=1e7)]
Region = Annotated[
    list[Coordinate],
    Field(
        min_length=4,
        max_length=4,
        description="x0, y0, x1, y1 in the picture's pixels",
        examples=[[0, 0, 1, 1]],
    ),
]
ImageField = Annotated[
    str,
    Field(
        description="A data URL, plain base64, or, where the server allows its host, an https URL.",
        min_length=1,
        examples=[f"data:image/png;base64,{_PIXEL}"],
    ),
]
ModelField = Annotated[str | None, Field(description="As /v1/models lists it; default: the first.")]
TokensField = Annotated[
    int | None, Field(ge=1, description="An answer longer than that is cut, and says so in its notes.")
]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


def _check_region(box: list[float] | None) -> None:
    if box is not None and not (box[0] < box[2] and box[1] < box[3]):
        raise ValueError(f"the box {box} is not x0, y0, x1, y1 with x0 < x1 and y0 < y1")


class AskRequest(_Request):
    """One question, or several about the same picture."""

    image: ImageField
    question: Annotated[str | None, Field(examples=["Where is the cat?"])] = None
    questions: Annotated[list[str] | None, Field(min_length=1)] = None
    region: Region | None = None
    model: ModelField = None
    max_new_tokens: TokensField = None

    @model_validator(mode="after")
    def _one_of_the_two(self) -> AskRequest:
        if (self.question is None) == (self.questions is None):
            raise ValueError("give either question, or questions as a list")
        _check_region(self.region)
        return self


class CaptionRequest(_Request):
    """A caption of a picture, of a region of it, or of everything found in it."""

    image: ImageField
    box: Region | None = None
    dense: Annotated[bool, Field(description="One caption for each object found (PixelLLM).")] = False
    model: ModelField = None

    @model_validator(mode="after")
    def _box_or_dense(self) -> CaptionRequest:
        if self.dense and self.box is not None:
            raise ValueError("give box or dense, not both")
        _check_region(self.box)
        return self


class LocateRequest(_Request):
    """Where an expression's referent is."""

    image: ImageField
    expression: Annotated[str, Field(examples=["the woman in red"])]
    model: ModelField = None


class AnswersBody(BaseModel):
    """Answers in the order of the questions, or captions best first."""

    answers: list[AnswerJson]


class SegmentationJson(SegmentJson):
    """A phrase; its mask as run lengths, or as a PNG of the picture's size, white inside."""

    b64_png: str | None = None


class SegmentationsBody(BaseModel):
    created: int
    model: str
    text: str
    image: ImageJson
    data: list[SegmentationJson]


class ModelBody(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "segue"


class ModelsBody(BaseModel):
    object: Literal["list"] = "list"
    data: list[ModelBody]


# OpenAI's chat ----------------------------------------------------------------------


class ImageUrl(BaseModel):
    url: ImageField


class ContentPart(BaseModel):
    type: Literal["text", "image_url"]
    text: str | None = None
    image_url: ImageUrl | None = None

    @model_validator(mode="after")
    def _holds_what_it_says(self) -> ContentPart:
        if (self.text if self.type == "text" else self.image_url) is None:
            raise ValueError(f"a part of type {self.type} needs the field {self.type}")
        return self


class Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[ContentPart] | None = None


class StreamOptions(BaseModel):
    include_usage: bool = False


class ChatRequest(BaseModel):
    """As OpenAI's; what changes how tokens are drawn is taken and has no effect, since answers are greedy."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "model": "segue/mini",
                    "messages": [
                        {
                            "role": "user",
                            "content": [
                                {"type": "text", "text": "Where is the cat?"},
                                {"type": "image_url", "image_url": {"url": _EXAMPLE_IMAGE}},
                            ],
                        }
                    ],
                }
            ]
        },
    )

    model: str
    messages: Annotated[list[Message], Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: TokensField = None
    max_completion_tokens: TokensField = None


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatMessage(BaseModel):
    """`content` is the answer's text; the spans of `segments` and `words` are offsets into it."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None
    segments: list[SegmentJson]
    words: list[WordJson]
    notes: list[str]


class ChatChoice(BaseModel):
    index: int = 0
    message: ChatMessage
    finish_reason: Literal["stop", "length"]
    logprobs: None = None


class ChatCompletion(BaseModel):
    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage | None = None
    image: ImageJson
    timing_ms: dict[str, Any]
