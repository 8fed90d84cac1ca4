"""Judges of MUSE answers: is each predicted mask spoken of as the thing that it was matched with?

Three, and every result names which:

* `EndpointJudge`: any OpenAI-compatible endpoint by address and model name, asked for a list of scores in one
  call per question as in the paper (there GPT-3.5). Its prompt was never published; `SYSTEM` is ours, so
  figures compare with each other and only roughly with the paper's.
* `SimilarityJudge`: how much the words around a mask share with the target's category and description
  (rapidfuzz). Offline and deterministic; it reads words, not meaning.
* `NoJudge`: 1 for everything, which makes the ``paper`` variant equal to ``masks``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from segue.errors import MissingDependencyError, SegueError
from segue.evaluation.judge_cache import ReplyCache

__all__ = [
    "EndpointJudge",
    "Judge",
    "JudgeError",
    "JudgeTask",
    "Judged",
    "Judgement",
    "NoJudge",
    "SimilarityJudge",
    "open_judge",
    "parse_scores",
]

SYSTEM = """\
You grade answers of a vision system that you cannot see the picture of. You are given the objects in the
picture with their boxes (x0, y0, x1, y1 in pixels), a question, and the system's answer. Behind each thing
that the answer points at stands, in brackets, a description of the object that was really pointed at, or
(None []) if it was no object at all.
Grade each of these brackets in their order: 1 if the object described is what the words before it speak of
and it fits the question, 0 if it is another thing or does not belong to the answer, and values between for
what is partly right. Reply with a JSON list of numbers between 0 and 1, one per bracket, and nothing else."""

SAME_WORD = 80
"""Of rapidfuzz' ratio in 0..100: "car" and "cars" have 86, "glass" and "glasses" 83, "mug" and "dog" 33."""

_LIST = re.compile(r"\[[^\[\]]*\]")


class JudgeError(SegueError):
    """The judge cannot be reached, or refuses; what it said before is kept, so the run can go on later."""


@dataclass(frozen=True)
class Judged:
    """One prediction: the words that the model wrote for it, and the target matched with it, if any."""

    phrase: str
    category: str = ""
    description: str = ""

    @property
    def matched(self) -> bool:
        return bool(self.category or self.description)


@dataclass(frozen=True)
class JudgeTask:
    """One question to be judged. `answer` is rewritten (`muse.rewrite`), `predictions` are in its order."""

    question: str
    objects: str
    answer: str
    predictions: tuple[Judged, ...]


@dataclass(frozen=True)
class Judgement:
    """Scores in 0..1, one per prediction; unmatched ones are 0.

    Attributes:
        problem: why scores are missing.
        version: the model that the endpoint says has replied.
    """

    scores: tuple[float, ...]
    problem: str = ""
    version: str = ""


class Judge(Protocol):
    """Threads may share one."""

    @property
    def settings(self) -> dict[str, Any]:
        """Which judge this is, fit for JSON: all that its scores depend on."""
        ...

    def judge(self, tasks: Sequence[JudgeTask]) -> list[Judgement]: ...


@dataclass(frozen=True)
class NoJudge:
    """Takes every matched prediction as rightly described."""

    @property
    def settings(self) -> dict[str, Any]:
        return {"judge": "none"}

    def judge(self, tasks: Sequence[JudgeTask]) -> list[Judgement]:
        return [Judgement(tuple(float(one.matched) for one in task.predictions)) for task in tasks]


@dataclass(frozen=True)
class SimilarityJudge:
    """Scores a prediction by the words that its phrase shares with what the target is called: the share of
    the category's words, or the F1 with those of the description, whichever is larger.

    Words are the same when rapidfuzz finds them alike enough (plurals, spelling). That library is maintained,
    has no dependencies of its own and gives the same figures on every machine; synonyms are beyond it.
    """

    @property
    def settings(self) -> dict[str, Any]:
        return {"judge": "similarity", "library": f"rapidfuzz {_rapidfuzz().__version__}"}

    def judge(self, tasks: Sequence[JudgeTask]) -> list[Judgement]:
        return [
            Judgement(tuple(self._score(one) if one.matched else 0.0 for one in task.predictions))
            for task in tasks
        ]

    def _score(self, judged: Judged) -> float:
        phrase = _content_words(judged.phrase)
        # LVIS tells senses apart in brackets: "car_(automobile)".
        name = _content_words(judged.category.split("_(")[0])
        description = _content_words(judged.description)
        found, told = _share(description, phrase), _share(phrase, description)
        return max(_share(name, phrase), 2 * found * told / ((found + told) or 1.0))


class EndpointJudge:
    """A chat model behind an OpenAI-compatible address.

    Args:
        url: such as http://localhost:8000/v1.
        model: as the endpoint calls it.
        cache: file of replies; None asks anew each time. Only replies that could be read are kept.
        key: of the endpoint; by default the environment's OPENAI_API_KEY.
        workers: questions asked at once.
        retries: of a call that is refused for its rate, times out or meets a server error; the client
            waits longer each time.
        timeout: of one call, in seconds.

    Raises:
        JudgeError: no address, or no model name.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        cache: Path | None = None,
        key: str | None = None,
        workers: int = 8,
        retries: int = 5,
        timeout: float = 60.0,
    ):
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise JudgeError(f"{url!r} is not the address of an endpoint such as http://localhost:8000/v1")
        if not model.strip():
            raise JudgeError("the judge has no model name; give the one that the endpoint knows")
        self.model = model
        # Shown and hashed without what an address may hold of a name and a password.
        port = f":{parts.port}" if parts.port else ""
        self.url = f"{parts.scheme}://{parts.hostname}{port}{parts.path}"
        self._client = _client(url, key, retries, timeout)
        self._replies = None if cache is None else ReplyCache(cache)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="judge")

    @property
    def settings(self) -> dict[str, Any]:
        prompt = ReplyCache.key({"": SYSTEM})[:12]
        return {"judge": "endpoint", "url": self.url, "model": self.model, "prompt": prompt}

    def judge(self, tasks: Sequence[JudgeTask]) -> list[Judgement]:
        """All tasks at once, in their order.

        Raises:
            JudgeError: the endpoint failed for good. Replies so far are in the cache.
        """
        return list(self._pool.map(self._judge, tasks))

    def _judge(self, task: JudgeTask) -> Judgement:
        if not any(one.matched for one in task.predictions):
            return Judgement((0.0,) * len(task.predictions))  # nothing can score: not worth a call
        request = {
            "model": self.model,
            "messages": [
                {"role": "system", "content": SYSTEM},
                {"role": "user", "content": _user_message(task)},
            ],
            "temperature": 0,
        }
        version, reply = self._reply(request, len(task.predictions))
        scores = parse_scores(reply, len(task.predictions))
        if scores is None:
            problem = f"unreadable reply: {reply[:200]!r}"
            return Judgement((0.0,) * len(task.predictions), problem, version)
        kept = zip(scores, task.predictions, strict=True)
        return Judgement(tuple(score if one.matched else 0.0 for score, one in kept), version=version)

    def _reply(self, request: dict[str, Any], num: int) -> tuple[str, str]:
        """(version, text), from the cache or the endpoint."""
        import openai

        key = ReplyCache.key({"url": self.url, **request})
        known = None if self._replies is None else self._replies.get(key)
        if known is not None:
            return known
        try:
            completion = self._client.chat.completions.create(**request)
        except openai.OpenAIError as error:
            message = " ".join(str(error).split())[:300]
            raise JudgeError(f"the judge {self.model} at {self.url} failed: {message}") from error
        reply = (completion.choices[0].message.content if completion.choices else None) or ""
        version = str(completion.model or self.model)
        if self._replies is not None and parse_scores(reply, num) is not None:
            self._replies.put(key, version, reply)
        return version, reply


def _client(url: str, key: str | None, retries: int, timeout: float) -> Any:
    try:
        import openai
    except ImportError:
        raise MissingDependencyError(
            "a judge behind an endpoint needs the openai client: pip install 'segue[eval]'"
        ) from None
    # A local endpoint wants no key, but the client insists on one.
    key = key or os.environ.get("OPENAI_API_KEY") or "none"
    return openai.OpenAI(base_url=url, api_key=key, max_retries=retries, timeout=timeout)


def parse_scores(reply: str, num: int) -> tuple[float, ...] | None:
    """The last JSON list of `num` numbers in a reply, or None.

    Scores are asked for in 0..1. Where one is above 1 they are read as 1..10, the scale of the paper's first
    version, and divided by 10.
    """
    for text in reversed(_LIST.findall(reply)):
        try:
            values = json.loads(text)
        except json.JSONDecodeError:
            continue
        numbers = [float(v) for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
        if len(numbers) != num or len(values) != num:
            continue
        if any(number > 1 for number in numbers):
            numbers = [number / 10 for number in numbers]
        return tuple(numbers) if all(0 <= number <= 1 for number in numbers) else None
    return None


def open_judge(options: Mapping[str, str]) -> Judge:
    """The judge that options ask for: `judge` is "similarity", "none", or an endpoint's address, and then
    `judge_model` its model and `judge_cache` its file of replies.

    Raises:
        JudgeError: the options make no judge.
    """
    which = options.get("judge", "similarity")
    if which == "none":
        return NoJudge()
    if which == "similarity":
        _rapidfuzz()
        return SimilarityJudge()
    if "://" not in which:
        raise JudgeError(
            f"{which!r} is no judge: give similarity, none, or an address such as http://host:8000/v1"
        )
    cache = options.get("judge_cache", "")
    return EndpointJudge(
        which,
        options.get("judge_model", ""),
        cache=Path(cache) if cache else None,
        workers=_count(options, "judge_workers", 8),
    )


def _count(options: Mapping[str, str], name: str, default: int) -> int:
    text = options.get(name, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise JudgeError(f"{name} is {text!r}; it must be a number of 1 or more")
    return int(text)


def _user_message(task: JudgeTask) -> str:
    return (
        f"Objects: {task.objects}\nQuestion: {task.question}\nAnswer: {task.answer}\n"
        f"Brackets to grade: {len(task.predictions)}"
    )


_FUNCTION_WORDS = frozenset(
    {
        "a",
        "an",
        "the",
        "this",
        "that",
        "these",
        "those",
        "it",
        "its",
        "there",
        "which",
        "and",
        "or",
        "is",
        "are",
    }
    | {"of", "in", "on", "at", "to", "with", "by", "for", "from"}
)


def _content_words(text: str) -> list[str]:
    """Lower case, without marks and without the words that every phrase has."""
    words = re.findall(r"\w+", text.lower().replace("_", " "))
    return [word for word in words if word not in _FUNCTION_WORDS]


def _share(words: Sequence[str], among: Sequence[str]) -> float:
    """The share of `words` that one `among` others is like."""
    if not words or not among:
        return 0.0
    alike = _rapidfuzz().fuzz.ratio
    return sum(any(alike(word, other) >= SAME_WORD for other in among) for word in words) / len(words)


def _rapidfuzz() -> Any:
    try:
        import rapidfuzz
    except ImportError:
        raise MissingDependencyError(
            "the judge by text similarity needs rapidfuzz: pip install 'segue[eval]'"
        ) from None
    import rapidfuzz.fuzz

    return rapidfuzz
