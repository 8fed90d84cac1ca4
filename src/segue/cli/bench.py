"""`segue bench`: what models cost."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from segue.cli.console import JsonOption, err, out, print_json

if TYPE_CHECKING:
    from segue.evaluation.flops import ModelCost

app = typer.Typer(
    help="What models cost.", epilog="Example: segue bench flops --model PixelLM-7B", no_args_is_help=True
)

WORDS = 20
TARGETS = (1, 3, 10)


@app.callback()
def bench() -> None:
    pass


@app.command(epilog="Example: segue bench flops --model PixelLM-7B --model segue/mini --json")
def flops(
    model: Annotated[
        list[str] | None,
        typer.Option("--model", help="A model's name or folder; may be given again. Default: all known."),
    ] = None,
    prompt_tokens: Annotated[
        int, typer.Option("--prompt-tokens", min=1, max=4096, help="Text tokens before the answer.")
    ] = 64,
    as_json: JsonOption = False,
) -> None:
    """Count floating-point operations of every part, without weights. 1 multiply-accumulate = 2 FLOP."""
    with err.status("loading torch"):
        from segue.evaluation.flops import MODELS, count_costs
    costs = []
    for name in model or MODELS:
        with err.status(f"counting {name}"):
            costs.append(count_costs(name, prompt_tokens=prompt_tokens))
    if as_json:
        return print_json([asdict(cost) | {"answer": _answers(cost)} for cost in costs])
    for cost in costs:
        out.print(_table(cost))
        out.print()
    out.print("1 multiply-accumulate = 2 FLOP. An answer: the picture, the prompt, and")
    out.print(f"{WORDS} words besides the mask tokens of its targets, with a key-value cache.")


def _answers(cost: ModelCost) -> dict[str, int]:
    return {str(targets): cost.answer(words=WORDS, targets=targets) for targets in TARGETS}


def _table(cost: ModelCost) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(cost.name)
    table.add_column("GFLOP", justify="right")
    for part, count in cost.vision.items():
        table.add_row(f"{part}, per picture", _giga(count))
    table.add_row(f"language model, {cost.image_tokens} + {cost.prompt_tokens} tokens", _giga(cost.prompt))
    table.add_row("language model, per further token", _giga(cost.token))
    table.add_row("mask decoder, per picture", _giga(cost.decoder_shared))
    table.add_row("mask decoder, per target", _giga(cost.decoder_target))
    for targets in TARGETS:
        table.add_row(
            f"an answer with {targets} target{'s' * (targets > 1)}",
            _giga(cost.answer(words=WORDS, targets=targets)),
        )
    return table


def _giga(count: float) -> str:
    return f"{count / 1e9:,.3f}" if count < 1e9 else f"{count / 1e9:,.1f}"
