"""What a plan would do and cost, before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from segue.curation.inputs import Pictures
from segue.curation.journal import Row
from segue.curation.plan import Plan
from segue.curation.prompts import Prompts
from segue.curation.requests import Request, Tokens, expected_tokens
from segue.curation.steps import Step, caption_of, request_for, scene_of
from segue.curation.tasks import Task

__all__ = ["Estimate", "estimate", "first_requests"]

SAMPLED = 50
"""Tasks whose prompts are counted; the rest is taken to be alike."""


@dataclass(frozen=True)
class Estimate:
    """Of a whole plan, without second tries: replies, tokens and cost in the currency of the prices."""

    replies: int
    tokens: Tokens
    cost: float


def first_requests(task: Task, plan: Plan, pictures: Pictures, prompts: Prompts) -> list[Request]:
    """The requests of a task that are known before any reply, the judge's not among them."""
    record = pictures.records[task.index]
    scene = scene_of(task, record, plan, frozenset(pictures.category_ids))
    rows: list[Row] = []
    steps = [Step("pairs", 1)]
    if plan.pipeline == "caption" and caption_of(record) is None:
        steps.insert(0, Step("caption", 1))
    return [request_for(step, task, record, rows, scene, plan, prompts, pictures)[0] for step in steps]


def estimate(tasks: Sequence[Task], plan: Plan, pictures: Pictures, prompts: Prompts) -> Estimate:
    """From the prompts of some of the tasks, spread over all of them."""
    sample = tasks[:: max(1, len(tasks) // SAMPLED)]
    replies, tokens_in, tokens_out, cost = 0, 0, 0, 0.0
    for task in sample:
        requests = first_requests(task, plan, pictures, prompts)
        endpoints = [plan.caption_endpoint or plan.endpoint, plan.endpoint][-len(requests) :]
        pairs = list(zip(requests, endpoints, strict=True))
        if plan.judge is not None:  # it reads about what the model wrote, with the list
            pairs.append((requests[-1], plan.judge.endpoint))
        for request, endpoint in pairs:
            tokens = expected_tokens(request, endpoint)
            replies += 1
            tokens_in, tokens_out = tokens_in + tokens.input, tokens_out + tokens.output
            cost += tokens.cost(endpoint.price)
    scale = len(tasks) / len(sample)
    return Estimate(
        round(replies * scale), Tokens(round(tokens_in * scale), round(tokens_out * scale)), cost * scale
    )
