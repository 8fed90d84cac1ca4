"""What the key-value cache, batches and mask groups in one step bring, against a naive loop, in one run.

The naive loop asks one question at a time, and for every token the whole sequence (picture, question, answer
so far) runs through the language model again. All ways must say the same ids, which is asserted. Pictures are
encoded before the clock starts, since that costs all of them the same.

    python benchmarks/generation.py --questions 24 --threads 2

Without weights of segue/mini a random model of its size stands in: senseless answers at the same cost.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

import segue
from segue.checkpoints.loading import EMBEDDED
from segue.modeling.configuration import GroundedConfig
from segue.modeling.generation import Prefix, generate
from segue.modeling.grounded import GroundedModel
from segue.predictor import Predictor
from segue.processing import Processor
from segue.query import EncodedImage
from segue.scenes import make_scene

Question = tuple[EncodedImage, list[int]]
"""An encoded picture and the ids of a question about it."""


@dataclass(frozen=True)
class Measurement:
    """One way of answering all questions."""

    name: str
    seconds: float
    num_answers: int
    num_tokens: int

    @property
    def answers_per_second(self) -> float:
        return self.num_answers / self.seconds

    @property
    def tokens_per_second(self) -> float:
        return self.num_tokens / self.seconds


def compare(
    predictor: Predictor, questions: Sequence[Question], *, max_new_tokens: int = 64, repeats: int = 3
) -> list[Measurement]:
    """The naive loop first, then ours, one by one and all together. The fastest of `repeats` counts.

    Raises:
        AssertionError: two ways gave different ids.
    """

    def one_by_one() -> list[list[int]]:
        return [ids for q in questions for ids in cached(predictor, [q], max_new_tokens)]

    ways: dict[str, Callable[[], list[list[int]]]] = {
        "naive, one by one": lambda: [naive(predictor, q, max_new_tokens) for q in questions],
        "cached, one by one": one_by_one,
        "cached, one batch": lambda: cached(predictor, questions, max_new_tokens),
    }
    fastest = dict.fromkeys(ways, float("inf"))
    said: dict[str, list[list[int]]] = {}
    cached(predictor, questions[:1], 4)  # warm up
    for _ in range(repeats):  # in turn, so that whatever else the machine does meets all of them
        for name, way in ways.items():
            start = time.perf_counter()
            said[name] = way()
            fastest[name] = min(fastest[name], time.perf_counter() - start)
    reference = said["naive, one by one"]
    for name, ids in said.items():
        assert ids == reference, f"{name} says other ids than the naive loop"
    num_tokens = sum(map(len, reference))
    return [Measurement(name, fastest[name], len(questions), num_tokens) for name in ways]


@torch.no_grad()
def cached(predictor: Predictor, questions: Sequence[Question], max_new_tokens: int) -> list[list[int]]:
    """The package's own loop, all questions in one batch."""
    model, processor = predictor.model, predictor.processor
    images = list({id(image): image for image, _ in questions}.values())
    numbers = {id(image): number for number, image in enumerate(images)}
    answers = generate(
        model.language_model,
        Prefix.join([image.prefix for image in images]),
        [model.embed(torch.tensor([ids], device=model.device))[0] for _, ids in questions],
        image_index=[numbers[id(image)] for image, _ in questions],
        stop_id=processor.stop_id,
        max_new_tokens=max_new_tokens,
        forced_after=processor.vocabulary.forced_after,
    )
    return [answer.ids for answer in answers]


@torch.no_grad()
def naive(predictor: Predictor, question: Question, max_new_tokens: int) -> list[int]:
    """No cache, no batch: one pass over everything for every token."""
    model, processor = predictor.model, predictor.processor
    image, prompt = question
    said: list[int] = []
    while True:
        ids = torch.tensor([processor.prefix_ids + prompt + said], device=model.device)
        states = model(ids, image_tokens=image.features.tokens)
        choice = int(model.lm_head(states[0, -1]).argmax())
        group = processor.vocabulary.group
        # A group is always said whole; here each of its tokens costs a pass, as in the published code.
        if said and said[-1] in group[:-1]:
            choice = group[group.index(said[-1]) + 1]
        rest = len(processor.vocabulary.forced_after(choice))
        if choice == processor.stop_id or len(said) + 1 + rest > max_new_tokens:
            return said
        said.append(choice)


def ask_about_scenes(predictor: Predictor, count: int, *, per_picture: int = 6) -> list[Question]:
    """Questions about scenes made in code, `per_picture` on each."""
    questions: list[Question] = []
    seed = 1_000_000
    while len(questions) < count:
        image, record = make_scene(seed, num_turns=per_picture)
        seen = predictor.encode(image)
        turns = [turn for turn in record.dialogue if turn.region is None]
        questions += [(seen, predictor.processor.question_ids(turn.question)) for turn in turns]
        seed += 1
    return questions[:count]


def random_predictor() -> Predictor:
    """A model of segue/mini's size that has learned nothing, made to say mask groups now and then."""
    from segue.training.recipe import load_recipe
    from segue.training.tokenizer import train_tokenizer

    settings = dict(load_recipe("mini").model)
    settings["text_config"] = settings["text_config"] | {"tie_word_embeddings": False}
    config = GroundedConfig(**settings)
    torch.manual_seed(0)
    model = GroundedModel(config).eval()
    with torch.no_grad():
        for parameter in model.language_model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(4)  # else one token wins everywhere
    words = [turn.question for seed in range(4) for turn in make_scene(seed)[1].dialogue]
    predictor = Predictor(model, Processor(config, train_tokenizer(words * 2, config)), name="random")
    # A head that chooses a group at the state of one answer in every few.
    ids = torch.tensor([predictor.processor.prefix_ids[:1] + predictor.processor.question_ids(words[0])])
    with torch.no_grad():
        model.language_model.lm_head.weight[predictor.processor.vocabulary.group[0]] += model(ids)[0, -1]
    return predictor


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="segue/mini", help="as for segue.load")
    parser.add_argument("--device", help="cpu, cuda, mps; the best there is when left out")
    parser.add_argument("--questions", type=int, default=12)
    parser.add_argument("--max-new-tokens", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=2, help="the fastest of so many runs counts")
    parser.add_argument("--threads", type=int, help="of torch, on the CPU")
    parser.add_argument("--json", action="store_true", help="print JSON alone")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)

    embedded = EMBEDDED.get(options.model)
    if embedded and not (embedded.folder / "config.json").is_file():
        predictor = random_predictor()
    else:
        predictor = segue.load(options.model, device=options.device)
    questions = ask_about_scenes(predictor, options.questions)
    results = compare(predictor, questions, max_new_tokens=options.max_new_tokens, repeats=options.repeats)
    rows = [
        {
            "way": r.name,
            "seconds": round(r.seconds, 3),
            "answers_per_second": round(r.answers_per_second, 2),
            "tokens_per_second": round(r.tokens_per_second, 1),
            "ratio": round(results[0].seconds / r.seconds, 2),
        }
        for r in results
    ]
    if options.json:
        print(json.dumps({"model": predictor.name, "questions": len(questions), "ways": rows}))
        return
    tokens = results[0].num_tokens
    print(f"{predictor.name}: {len(questions)} answers, {tokens} tokens, {torch.get_num_threads()} threads")
    print(f"{'':20} {'seconds':>8} {'answers/s':>10} {'tokens/s':>9} {'RATIO':>7}")
    for row in rows:
        way, seconds, answers, rate, ratio = row.values()
        print(f"{way:20} {seconds:8.2f} {answers:10.2f} {rate:9.1f} {ratio:6.1f}x")


if __name__ == "__main__":
    main()
