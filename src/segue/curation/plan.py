"""What a curation is made of, as one checked YAML file.

Secrets and addresses may stay out of it: an endpoint's URL, model and key are taken from the environment
where the plan does not say them, and the key never comes from anywhere else."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from segue.errors import SegueError

__all__ = ["KINDS", "MUSE_MAX", "MUSE_MEAN", "EndpointPlan", "Plan", "load_plan", "same_work"]

KINDS = ("reasoning", "several", "referring", "absent", "explanation")
"""What may be asked: something that needs reasoning; several things by name; one thing by a description; a
thing that is not there; why or how, with the things that the explanation rests on."""

MUSE_MEAN, MUSE_MAX = 3.7, 34
"""Targets for an answer in MUSE (PixelLM, section 4): on average, and at most."""

Kind = Literal["reasoning", "several", "referring", "absent", "explanation"]
Share = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataPlan(_Section):
    """The annotated pictures. Paths are relative to the working directory."""

    path: str
    """A COCO or LVIS instances file, or a native file (`.jsonl`)."""
    images: str = "images"
    """Folder of the pictures, as seen from the folder of `path`. Native records name their pictures already,
    relative to that folder."""
    captions: str | None = None
    """A COCO captions file, where the instances file has none."""
    exhaustive: Literal["all"] | list[str] | None = None
    """Categories labelled wherever they occur, where the file itself does not say."""


class Price(_Section):
    """What the endpoint asks for a million tokens, in any currency."""

    input: float = Field(default=0.0, ge=0)
    output: float = Field(default=0.0, ge=0)


class EndpointPlan(_Section):
    """A model behind the OpenAI protocol (hosted, vLLM, llama.cpp, Ollama ...), or none at all."""

    kind: Literal["openai", "offline"] = "openai"
    """`offline` is the package's own generator: templates over the annotations, no model and no network."""
    url: str | None = None
    """Such as http://localhost:8000/v1; the variable OPENAI_BASE_URL where it is left out."""
    model: str | None = None
    """The variable SEGUE_CURATE_MODEL where it is left out."""
    key_variable: str = "OPENAI_API_KEY"
    """The environment variable that holds the key; local servers mostly need none."""
    structured: Literal["auto", "json_schema", "json_object", "none"] = "auto"
    """How to demand JSON. `auto` begins with a schema and gives way where the server refuses."""
    max_tokens: int = Field(default=2048, gt=0)
    """Longest reply; with the prices it bounds what one request can cost."""
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """Some hosted models only know the second name."""
    temperature: float | None = Field(default=0.7, ge=0)
    timeout: float = Field(default=180.0, gt=0)
    """Seconds for one request."""
    image_side: int = Field(default=1024, ge=64)
    """Pictures are sent with a longer side of at most so many pixels."""
    tokens_per_image: int = Field(default=1100, ge=0)
    """For estimates alone; what was really used comes from the replies."""
    price: Price = Price()
    extra: dict[str, Any] = {}
    """Further fields of the request body, as the server understands them."""


class JudgePlan(_Section):
    """A second model that reads every surviving pair and scores it."""

    endpoint: EndpointPlan
    threshold: float = Field(default=0.5, ge=0, le=1)
    """Pairs scored below are rejected."""


class SelectPlan(_Section):
    """Which pictures, and which of their instances the endpoint is told about."""

    num_images: int | None = Field(default=None, gt=0)
    """At most so many pictures; all that pass the filters where left out."""
    min_area: Share = 0.002
    """Smaller instances (share of the picture) are not listed."""
    max_area: Share = 1.0
    min_instances: int = Field(default=2, ge=1)
    """Pictures with fewer listed instances are left out; so are those with more than `max_instances`."""
    max_instances: int = Field(default=60, ge=1)
    max_same_category: int = Field(default=20, ge=1)
    """Pictures more crowded by one category are left out."""
    max_overlap: Share = 0.9
    """Two boxes of one category with a larger IoU: the smaller one is not listed."""
    crowds: bool = False
    """List annotations that stand for a crowd."""
    categories: list[str] | None = None
    """Only these; and never `exclude`."""
    exclude: list[str] = []
    balance: Share = 0.5
    """How strongly pictures with rare categories are preferred: a picture's weight is
    (1 / frequency of its rarest category) to this power, 0 for none. LVIS' repeat factors use 0.5."""
    max_per_category: int | None = Field(default=None, gt=0)
    """No further picture is taken for the sake of a category that this many pictures show."""


class QuestionPlan(_Section):
    """What is asked about a picture."""

    per_image: int = Field(default=3, ge=1)
    kinds: dict[Kind, Annotated[float, Field(ge=0)]] = {
        "reasoning": 6,
        "several": 2,
        "referring": 1,
        "absent": 1,
        "explanation": 1,
    }
    """Weights of the kinds."""
    targets: Literal["muse"] | dict[int, Annotated[float, Field(ge=0)]] = "muse"
    """Instances that an answer names, for the kinds with several: MUSE's mean and maximum, or weights."""

    @model_validator(mode="after")
    def _check(self) -> QuestionPlan:
        if sum(self.kinds.values()) <= 0:
            raise ValueError("no kind of question has a weight above 0")
        if self.targets != "muse" and (
            sum(self.targets.values()) <= 0 or min(self.targets) < 2 or max(self.targets) > MUSE_MAX
        ):
            raise ValueError(f"`targets` maps numbers from 2 to {MUSE_MAX} to weights, not all 0")
        return self


class RulePlan(_Section):
    """Bounds of the rules that replies are checked by (`segue.curation.rules`)."""

    language: str | None = "en"
    """ISO 639-1; None lets any language pass."""
    same_question: float = Field(default=90.0, ge=0, le=100)
    """Two questions about one picture that are at least so alike (0..100) are one too many."""
    repeats: int | None = Field(default=50, ge=1)
    """At most so many pictures of the set with nearly the same question; None for no limit."""
    max_question_words: int = Field(default=80, ge=5)
    max_answer_words: int = Field(default=400, ge=5)
    max_description_words: int = Field(default=150, ge=3)


class SplitPlan(_Section):
    """Shares of the pictures, chosen by a hash of their names; the rest is for training."""

    test: Share = 0.02
    val: Share = 0.01

    @model_validator(mode="after")
    def _check(self) -> SplitPlan:
        if self.test + self.val > 1:
            raise ValueError(f"test {self.test} and val {self.val} are together more than 1")
        return self


class LimitPlan(_Section):
    """Speed and money."""

    budget: float | None = Field(default=None, ge=0)
    """Stop before more is spent, in the currency of the prices."""
    tokens: int | None = Field(default=None, ge=0)
    """Stop before more tokens are used, in and out together."""
    concurrency: int = Field(default=8, ge=1)
    """Requests on their way at a time."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    tries: int = Field(default=8, ge=1)
    """For one reply, on 429, 5xx, a lost connection or a timeout; then the picture is left for the next
    run."""
    max_wait: float = Field(default=60.0, gt=0)
    """Longest pause of the growing backoff, in seconds. What the server asks for (Retry-After) is always
    kept."""


class Plan(_Section):
    """A whole curation."""

    name: str = "curation"
    data: DataPlan
    pipeline: Literal["vision", "caption"] = "vision"
    """`vision`: the model sees the picture and all instances and chooses. `caption`: a caption first (the
    data's own, else asked for), then a text-only model is given it with instances that were chosen for it."""
    endpoint: EndpointPlan = EndpointPlan()
    caption_endpoint: EndpointPlan | None = None
    """Who writes missing captions; `endpoint` where left out."""
    judge: JudgePlan | None = None
    select: SelectPlan = SelectPlan()
    questions: QuestionPlan = QuestionPlan()
    prompts: str | None = None
    """A folder whose files take the place of the package's prompts of the same names."""
    rules: RulePlan = RulePlan()
    split: SplitPlan = SplitPlan()
    limits: LimitPlan = LimitPlan()
    engine: Literal["asyncio", "ray"] = "asyncio"
    seed: int = 0

    @model_validator(mode="after")
    def _check(self) -> Plan:
        if self.judge is not None and self.judge.endpoint.kind == "offline":
            raise ValueError(
                "the offline generator cannot judge; give the judge an endpoint, or leave it out"
            )
        return self


def load_plan(path: str | Path, overrides: dict[str, str] | None = None) -> Plan:
    """Read a plan.

    Args:
        overrides: dotted names to YAML values, `{"limits.budget": "5"}`.

    Raises:
        SegueError: no such file, broken YAML, an unknown or wrong value (named).
    """
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SegueError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SegueError(f"{path}: not readable as YAML: {error}") from None
    if not isinstance(raw, dict):
        raise SegueError(f"{path}: a plan is a mapping with at least `data: {{path: ...}}`")
    for dotted, value in (overrides or {}).items():
        _set(raw, dotted, yaml.safe_load(value), path)
    try:
        return Plan.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the plan"
        message = first["msg"].removeprefix("Value error, ")
        raise SegueError(f"{path}: {where}: {message} (got {str(first.get('input'))[:80]!r})") from None


def _set(raw: dict[str, Any], dotted: str, value: Any, path: Path) -> None:
    *parents, last = dotted.split(".")
    node = raw
    for part in parents:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise SegueError(f"{path}: {dotted}: {part} is not a section of the plan")
    node[last] = value


def model_name(endpoint: EndpointPlan) -> str:
    """The model's name, from the plan or the environment.

    Raises:
        SegueError: neither says it.
    """
    if endpoint.kind == "offline":
        return "offline"
    name = endpoint.model or os.environ.get("SEGUE_CURATE_MODEL", "")
    if not name:
        raise SegueError("no model: set endpoint.model in the plan, or the variable SEGUE_CURATE_MODEL")
    return name


def same_work(plan: Plan, *, prompts: str) -> dict[str, str]:
    """What a journal is bound to, as digests by name: all that decides what is asked of whom.

    Speed, budget, rules, splits and the judge may change between two runs of one journal; these may not.
    `prompts` is the hash of the prompts in use.
    """
    data = plan.data.model_dump()
    data["path"] = Path(plan.data.path).name  # the folder may move
    parts = {
        "data": data,
        "pipeline": plan.pipeline,
        "endpoint.model": model_name(plan.endpoint),
        "select": plan.select.model_dump(),
        "questions": plan.questions.model_dump(),
        "prompts": prompts,
        "seed": plan.seed,
    }
    return {
        name: hashlib.sha256(json.dumps(part, sort_keys=True).encode()).hexdigest()[:12]
        for name, part in parts.items()
    }
