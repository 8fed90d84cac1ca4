"""`segue eval`: how good a model is, on held-out scenes and on held-out photographs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from segue.cli.console import (
    DeviceOption,
    JsonOption,
    ModelOption,
    err,
    load_model,
    out,
    print_json,
    progress,
)

if TYPE_CHECKING:
    from segue.evaluation.runner import Benchmark

app = typer.Typer(
    help="Measure a model: answers are generated freely and scored. A stopped run goes on where it was.",
    epilog="Example: segue eval scenes --num 200 --out runs/eval",
    no_args_is_help=True,
)

OutOption = Annotated[
    Path, typer.Option("--out", help="Folder for a line of JSON per picture and the summary.")
]
BatchOption = Annotated[int, typer.Option("--batch-size", min=1, help="Questions asked together.")]


@app.command(epilog="Example: segue eval scenes --num 200 --seed 1000000 --out runs/eval")
def scenes(
    num: Annotated[int, typer.Option("--num", min=1, help="How many scenes.")] = 200,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Seed of the first; training takes others.")
    ] = 1_000_000,
    turns: Annotated[int, typer.Option("--turns", min=1, help="Questions per scene.")] = 12,
    world: Annotated[
        Literal["small", "core", "full"],
        typer.Option("--world", help="Kinds of things: 22 that the embedded model knows, 66, or all."),
    ] = "small",
    folder: OutOption = Path("runs/eval"),
    model: ModelOption = "segue/mini",
    batch_size: BatchOption = 8,
    as_json: JsonOption = False,
    device: DeviceOption = None,
) -> None:
    """Fresh scenes, asked in phrasings that training never uses."""
    from segue.evaluation.scenes import ScenesBenchmark

    benchmark = ScenesBenchmark(num=num, seed=seed, num_turns=turns, world=world)
    _run(benchmark, folder, model, device, batch_size, as_json)


@app.command(epilog="Example: segue eval photographs --data ../shared/data --out runs/eval")
def photographs(
    data: Annotated[Path, typer.Option("--data", help="Folder with the sets of photographs.")],
    num: Annotated[int | None, typer.Option("--num", min=1, help="Only so many photographs.")] = None,
    folder: OutOption = Path("runs/eval"),
    model: ModelOption = "segue/mini",
    batch_size: BatchOption = 8,
    as_json: JsonOption = False,
    device: DeviceOption = None,
) -> None:
    """The animals and people of photographs that training leaves out, beside two baselines."""
    from segue.evaluation.photographs import load_benchmark

    with err.status("reading annotations"):
        benchmark = load_benchmark(data, num=num)
    _run(benchmark, folder, model, device, batch_size, as_json)


def _run(
    benchmark: Benchmark, folder: Path, model: str, device: str | None, batch_size: int, as_json: bool
) -> None:
    from segue.checkpoints.loading import checkpoint_folder
    from segue.cli.models import weights_digest
    from segue.evaluation.report import tables
    from segue.evaluation.runner import run

    predictor = load_model(model, device)
    output = folder / benchmark.name
    which = {"name": model, "sha256": weights_digest(checkpoint_folder(model))}
    with progress(benchmark.name, total=len(benchmark.names())) as update:
        summary = run(
            benchmark, predictor, model=which, output=output, batch_size=batch_size, progress=update
        )
    if as_json:
        return print_json(summary)
    for table in tables(benchmark.name, summary["figures"]):
        out.print(table)
    out.print(f"{summary['num_samples']} pictures in {summary['seconds']:.0f} s", style="dim")
    out.print(f"written: {output}", style="dim", markup=False)
