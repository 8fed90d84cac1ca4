"""What to do next about a picture, told from its rows in the journal alone: the part of a run that must be
right whenever it was interrupted. Pure functions, no network, no files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel

from segue.curation.duplicates import same_question
from segue.curation.inputs import Pictures
from segue.curation.journal import Decision, Row
from segue.curation.judged import Judged
from segue.curation.plan import Plan
from segue.curation.prompts import Prompts, instance_lines
from segue.curation.replies import CaptionReply, Pair, PairsReply, ReplyError, ScoresReply, read_reply
from segue.curation.requests import Message, Request
from segue.curation.rules import QUALITY, STRUCTURE, first_fault
from segue.curation.scene import Scene
from segue.curation.selection import listed_objects
from segue.curation.splits import split_of
from segue.curation.tasks import Task
from segue.data.native import Record

__all__ = [
    "Assessment",
    "Step",
    "assess",
    "judged_pairs",
    "next_step",
    "request_for",
    "scene_of",
    "survivors",
]

ATTEMPTS = 2
"""The first try, and one more after a reply that could not be used."""


@dataclass(frozen=True)
class Step:
    """The next reply that is wanted: stage "caption", "pairs" or "judge", and which attempt at it."""

    stage: str
    attempt: int


@dataclass(frozen=True)
class Assessment:
    """What a reply is worth (`segue.curation.journal.Row.outcome`), and what was wrong with it."""

    outcome: str
    problems: tuple[str, ...] = ()


def scene_of(task: Task, record: Record, plan: Plan, vocabulary: frozenset[str]) -> Scene:
    """What a task's replies are checked against."""
    objects = listed_objects(record, plan.select)
    listed = {entry.id for entry in objects}
    return Scene(
        width=record.width,
        height=record.height,
        objects=objects,
        asks=task.asks,
        vocabulary=vocabulary,
        present=frozenset(entry.category for entry in record.objects),
        partly=frozenset(entry.category for entry in record.objects if entry.id not in listed),
        split=split_of(record.image, plan.split),
        rules=plan.rules,
    )


def next_step(rows: Sequence[Row], plan: Plan, *, has_caption: bool, to_judge: bool) -> Step | None:
    """What is still wanted about a picture; None when it is done.

    Args:
        rows: its replies so far.
        has_caption: the data has a caption.
        to_judge: a pair has passed the rules.
    """
    if plan.pipeline == "caption" and not has_caption:
        step = _again(rows, "caption")
        if step is not None:
            return step
        if _last(rows, "caption").outcome != "ok":
            return None
    step = _again(rows, "pairs")
    if step is not None:
        return step
    return _again(rows, "judge") if plan.judge is not None and to_judge else None


def assess(stage: str, text: str, finish: str, scene: Scene, *, asked: int = 0) -> Assessment:
    """What a reply is worth. `asked` is the number of pairs that a judge was asked about."""
    try:
        if stage == "caption":
            read_reply(text, CaptionReply)
            return Assessment("ok")
        if stage == "judge":
            scored = {score.pair for score in read_reply(text, ScoresReply).scores}
            missing = sorted(set(range(1, asked + 1)) - scored)
            if missing:
                return Assessment("unreadable", (f"There is no score for the pairs {missing}.",))
            return Assessment("ok")
        pairs = read_pairs(text, finish)
    except ReplyError as error:
        return Assessment("unreadable", (str(error),))
    faults = [first_fault(pair, scene, (*STRUCTURE, *QUALITY)) for pair in pairs]
    problems = tuple(
        f"Pair {place}: {fault[1]}" for place, fault in enumerate(faults, start=1) if fault is not None
    )
    return Assessment("ok" if None in faults else "rejected", problems)


def read_pairs(text: str, finish: str) -> list[Pair]:
    """The pairs of a reply. Of one that was cut off the last pair is left out, since its end is missing.

    Raises:
        ReplyError: there are none.
    """
    pairs = read_reply(text, PairsReply).pairs
    if finish == "length" or _is_cut(text):
        pairs = pairs[:-1]
        if not pairs:
            raise ReplyError("The reply was cut off before its end; write fewer words.")
    return pairs


def judged_pairs(
    task: Task,
    rows: Sequence[Row],
    scene: Scene,
    plan: Plan,
    decisions: Mapping[str, Decision] = {},
) -> list[Judged]:
    """Every pair about a picture that a model has written, with its verdict: the rules' (as they are now),
    the judge's, and a person's above both."""
    scores = _scores(rows)
    found: list[Judged] = []
    for row in rows:
        if row.stage != "pairs":
            continue
        try:
            pairs = read_pairs(row.reply, row.finish)
        except ReplyError:
            continue
        for place, pair in enumerate(pairs):
            id_ = pair_id(task.key, row.attempt, place)
            judged = Judged(id_, pair, row.prompts, row.model, score=scores.get(id_))
            found.append(_verdict(judged, scene, plan, decisions.get(id_), scored=bool(scores)))
    return same_question(found, limit=plan.rules.same_question)


def survivors(task: Task, rows: Sequence[Row], scene: Scene, plan: Plan) -> list[Judged]:
    """The pairs that rules let pass: what a judge is asked about."""
    unjudged = plan.model_copy(update={"judge": None})
    return [entry for entry in judged_pairs(task, rows, scene, unjudged) if entry.accepted]


def check_edit(pair: Pair, scene: Scene) -> str | None:
    """Why an edited pair cannot become a record; None where it can."""
    fault = first_fault(pair, scene, STRUCTURE)
    return None if fault is None else fault[1]


def request_for(
    step: Step,
    task: Task,
    record: Record,
    rows: Sequence[Row],
    scene: Scene,
    plan: Plan,
    prompts: Prompts,
    pictures: Pictures,
) -> tuple[Request, tuple[str, ...]]:
    """The request of a step, and the ids of the pairs that a judge is asked about."""
    judged = survivors(task, rows, scene, plan) if step.stage == "judge" else []
    name = {"caption": "caption.md", "judge": "judge.md"}.get(
        step.stage, "vision.md" if plan.pipeline == "vision" else "text.md"
    )
    names = ", ".join(dict.fromkeys(entry.category for entry in scene.objects))
    values = {
        "width": scene.width,
        "height": scene.height,
        "instances": names if step.stage == "caption" else instance_lines(scene.objects),
        "questions": prompts.questions(task.asks),
        "caption": caption_of(record, rows) or "",
        "pairs": "\n\n".join(_shown(place, entry.pair) for place, entry in enumerate(judged, start=1)),
        "problems": "",
        "language": plan.rules.language or "the language of the list",
    }
    system, user = prompts.fill(name, values)
    messages = [Message("system", system), Message("user", user)]
    if step.attempt > 1:
        last = _last(rows, step.stage)
        problems = "\n".join(f"- {problem}" for problem in last.problems) or "- It was not accepted."
        _, again = prompts.fill("retry.md", {**values, "problems": problems})
        messages += [Message("assistant", last.reply), Message("user", again)]
    forms: dict[str, type[BaseModel]] = {"caption": CaptionReply, "pairs": PairsReply, "judge": ScoresReply}
    sees = step.stage != "pairs" or plan.pipeline == "vision"
    request = Request(
        key=request_key(task.key, step, prompts.digest, plan.seed),
        messages=messages,
        picture=pictures.folder / record.image if sees else None,
        form=forms[step.stage],
        scene=scene,
    )
    return request, tuple(entry.id for entry in judged)


def request_key(image: str, step: Step, prompts: str, seed: int) -> str:
    """The same for the same request of the same curation, whenever it is sent."""
    content = json.dumps([image, step.stage, step.attempt, prompts, seed])
    return f"segue-{hashlib.sha256(content.encode()).hexdigest()[:32]}"


def pair_id(image: str, attempt: int, place: int) -> str:
    """12 hexadecimal digits."""
    return hashlib.sha256(json.dumps([image, attempt, place]).encode()).hexdigest()[:12]


def caption_of(record: Record, rows: Sequence[Row] = ()) -> str | None:
    """The data's captions, else the one that was asked for."""
    texts = [caption.text for caption in record.captions if caption.region is None]
    texts += [turn.answer for turn in record.dialogue if turn.type == "caption"]
    if texts:
        return " ".join(text.strip().rstrip(".") + "." for text in texts)
    for row in rows:
        if row.stage == "caption" and row.outcome == "ok":
            return read_reply(row.reply, CaptionReply).caption
    return None


def _again(rows: Sequence[Row], stage: str) -> Step | None:
    """The next attempt at a stage; None when it is done, or given up."""
    done = [row for row in rows if row.stage == stage]
    if not done:
        return Step(stage, 1)
    if done[-1].outcome == "ok" or len(done) >= ATTEMPTS:
        return None
    return Step(stage, len(done) + 1)


def _last(rows: Sequence[Row], stage: str) -> Row:
    return [row for row in rows if row.stage == stage][-1]


def _scores(rows: Sequence[Row]) -> dict[str, float]:
    """The judge's scores, 0..1, by pair; scores over 1 are taken as out of 10. Empty before it has spoken."""
    found: dict[str, float] = {}
    for row in rows:
        if row.stage == "judge" and row.outcome == "ok":
            scores = read_reply(row.reply, ScoresReply).scores
            scale = 10.0 if any(entry.score > 1 for entry in scores) else 1.0
            for entry in scores:
                if 1 <= entry.pair <= len(row.about):
                    found[row.about[entry.pair - 1]] = min(max(entry.score / scale, 0.0), 1.0)
    return found


def _verdict(judged: Judged, scene: Scene, plan: Plan, decision: Decision | None, *, scored: bool) -> Judged:
    if decision is not None and decision.content is not None:
        judged = replace(judged, pair=Pair.model_validate(decision.content))
    fault = first_fault(judged.pair, scene, STRUCTURE)
    if fault is not None:
        return replace(judged, rule=fault[0], reason=fault[1])
    if decision is not None:
        refused = decision.decision == "reject"
        rule, reason = ("person", decision.note or "rejected in the review") if refused else ("", "")
        return replace(judged, rule=rule, reason=reason, by_person=True)
    fault = first_fault(judged.pair, scene, QUALITY)
    if fault is not None:
        return replace(judged, rule=fault[0], reason=fault[1])
    if plan.judge is not None and scored:
        if judged.score is None:
            return replace(judged, rule="judge", reason="the judge gave it no score")
        if judged.score < plan.judge.threshold:
            return replace(judged, rule="judge", reason=f"the judge gave it {judged.score:.2f}")
    elif plan.judge is not None:
        return replace(judged, rule="judge", reason="the judge has not spoken")
    return judged


def _shown(place: int, pair: Pair) -> str:
    """A pair for the judge."""
    lines = [f"Pair {place} ({pair.kind})", f"Question: {pair.question}", f"Answer: {pair.answer}"]
    lines += [f"Object {target.number}: {target.description}" for target in pair.targets]
    return "\n".join(lines)


def _is_cut(text: str) -> bool:
    """Whether the reply ends before its JSON does."""
    depth, quoted, escaped = 0, False, False
    for letter in text[max(text.find("{"), 0) :]:
        if quoted:
            if escaped:
                escaped = False
            elif letter == "\\":
                escaped = True
            elif letter == '"':
                quoted = False
        elif letter == '"':
            quoted = True
        else:
            depth += (letter in "{[") - (letter in "}]")
    return depth > 0 or quoted
