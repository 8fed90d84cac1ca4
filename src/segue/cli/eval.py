"""`segue eval`: how good a model is, on the papers' benchmarks, on held-out scenes and photographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from segue.cli.console import (
    DeviceOption,
    JsonOption,
    ModelOption,
    QuantiseOption,
    err,
    load_model,
    out,
    print_json,
    progress,
)
from segue.errors import DataError

if TYPE_CHECKING:
    from segue.evaluation.benchmarks import BenchmarkInfo, Setup
    from segue.evaluation.predictions_file import PredictionsFile
    from segue.evaluation.runner import Benchmark, Predict


class _AnyBenchmark(TyperGroup):
    """`segue eval NAME`: what is no command of its own is a benchmark's name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["benchmark", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_AnyBenchmark,
    help="Measure a model: `segue eval BENCHMARK --model M --data dataset/`. A stopped run goes on where it "
    "was. `segue eval list` names the benchmarks.",
    epilog="Example: segue eval reasonseg-val --model xinlai/LISA-7B-v1 --data dataset/ --protocol paper",
    no_args_is_help=True,
)

OutOption = Annotated[
    Path, typer.Option("--out", help="Folder for a line of JSON per picture, the summary and a page.")
]
BatchOption = Annotated[int, typer.Option("--batch-size", min=1, help="Questions asked together.")]
ProtocolOption = Annotated[
    Literal["free", "paper"],
    typer.Option(
        "--protocol", help="free: the model generates its answer; paper: as the original code scores."
    ),
]
PredictionsOption = Annotated[
    Path | None,
    typer.Option("--predictions", help="Score this JSONL or COCO results file instead of a model."),
]
RetryOption = Annotated[bool, typer.Option("--retry", help="Ask samples again that failed before.")]
NumOption = Annotated[int | None, typer.Option("--num", min=1, help="Only so many pictures, a fair sample.")]
DtypeOption = Annotated[
    str | None, typer.Option("--dtype", help="float32 (the default), bfloat16 or float16.")
]


@dataclass(frozen=True)
class _Request:
    """What is to be scored, and how the result is shown."""

    folder: Path
    model: str
    device: str | None = None
    dtype: str | None = None
    batch_size: int = 8
    predictions: Path | None = None
    retry: bool = False
    as_json: bool = False
    quantise: str | None = None


@app.command(
    "benchmark", hidden=True, epilog="Example: segue eval grefcoco-val --data dataset/ --protocol paper"
)
def benchmark(
    name: Annotated[str, typer.Argument(metavar="BENCHMARK", help="A name of `segue eval list`.")],
    data: Annotated[
        Path | None, typer.Option("--data", help="Root of the data, as the papers lay it out.")
    ] = None,
    protocol: ProtocolOption = "free",
    num: NumOption = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="An option of the benchmark's own."),
    ] = None,
    folder: OutOption = Path("runs/eval"),
    model: ModelOption = "segue/mini",
    predictions: PredictionsOption = None,
    batch_size: BatchOption = 8,
    retry: RetryOption = False,
    dtype: DtypeOption = None,
    as_json: JsonOption = False,
    device: DeviceOption = None,
    quantise: QuantiseOption = None,
) -> None:
    """Run one benchmark."""
    from segue.evaluation.benchmarks import Setup, get_benchmark

    setup = Setup(data=data, protocol=protocol, num=num, options=_options(settings or []))
    request = _Request(folder, model, device, dtype, batch_size, predictions, retry, as_json, quantise)
    _evaluate(get_benchmark(name), setup, request)


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
    protocol: ProtocolOption = "free",
    folder: OutOption = Path("runs/eval"),
    model: ModelOption = "segue/mini",
    predictions: PredictionsOption = None,
    batch_size: BatchOption = 8,
    retry: RetryOption = False,
    as_json: JsonOption = False,
    device: DeviceOption = None,
    quantise: QuantiseOption = None,
) -> None:
    """Fresh scenes, asked in phrasings that training never uses."""
    from dataclasses import replace

    from segue.evaluation.benchmarks import Setup, get_benchmark
    from segue.evaluation.scenes import ScenesBenchmark

    def opened(setup: Setup) -> ScenesBenchmark:
        return ScenesBenchmark(num=num, seed=seed, num_turns=turns, world=world, protocol=setup.protocol)

    request = _Request(folder, model, device, None, batch_size, predictions, retry, as_json, quantise)
    _evaluate(replace(get_benchmark("scenes"), open=opened), Setup(protocol=protocol), request)


@app.command(epilog="Example: segue eval photographs --data ../shared/data --out runs/eval")
def photographs(
    data: Annotated[Path, typer.Option("--data", help="Folder with the sets of photographs.")],
    num: Annotated[int | None, typer.Option("--num", min=1, help="Only so many photographs.")] = None,
    protocol: ProtocolOption = "free",
    folder: OutOption = Path("runs/eval"),
    model: ModelOption = "segue/mini",
    predictions: PredictionsOption = None,
    batch_size: BatchOption = 8,
    retry: RetryOption = False,
    as_json: JsonOption = False,
    device: DeviceOption = None,
    quantise: QuantiseOption = None,
) -> None:
    """The animals and people of photographs that training leaves out, beside two baselines."""
    from segue.evaluation.benchmarks import Setup, get_benchmark

    request = _Request(folder, model, device, None, batch_size, predictions, retry, as_json, quantise)
    _evaluate(get_benchmark("photographs"), Setup(data=data, protocol=protocol, num=num), request)


@app.command("list", epilog="Example: segue eval list --json")
def list_benchmarks(as_json: JsonOption = False) -> None:
    """The benchmarks, the data that they need, and their own options."""
    from rich.table import Table

    from segue.evaluation.benchmarks import all_benchmarks

    infos = list(all_benchmarks())
    if as_json:
        return print_json(
            [
                {
                    "name": info.name,
                    "title": info.title,
                    "protocols": list(info.protocols),
                    "source": info.source or None,
                    "split": info.split or None,
                    "options": dict(info.options),
                }
                for info in infos
            ]
        )
    table = Table(
        "benchmark", "what", "protocols", "data source", box=None, header_style="bold", pad_edge=False
    )
    for info in infos:
        source = f"{info.source} {info.split}" if info.source else "--data" if info.needs_data else "none"
        options = "".join(f"\n  --set {name}=  {what}" for name, what in info.options.items())
        table.add_row(info.name, info.title + options, ", ".join(info.protocols), source)
    out.print(table)


@app.command(epilog="Example: segue eval compare runs/a/scenes-free runs/b/scenes-free --page diff.html")
def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="Folder of a run.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Folder of another run of the same benchmark.")],
    page: Annotated[
        Path | None, typer.Option("--page", help="Write an HTML page of the samples that differ most.")
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Root of the data, for the page.")] = None,
    num: Annotated[int, typer.Option("--num", min=1, help="Samples named and shown.")] = 24,
    as_json: JsonOption = False,
) -> None:
    """Two runs side by side: figures by kind, their differences with a paired bootstrap interval."""
    from segue.evaluation.comparison import compare as compare_runs
    from segue.evaluation.report import comparison_table

    with err.status("resampling"):
        found = compare_runs(first, second, num_samples=num)
    written = None
    if page is not None:
        from segue.evaluation.page import write_comparison_page

        reopened = _reopened(found.first, data)
        written = write_comparison_page(reopened, found, first, second, page)
    if as_json:
        return print_json(found.to_dict() | ({"page": str(written)} if written else {}))
    out.print(comparison_table(found))
    out.print("\nsamples that differ most", style="bold")
    for entry in found.samples[:10]:
        out.print(f"  {entry.name}  {entry.first:.3f}  {entry.second:.3f}", markup=False)
    if found.only_first or found.only_second:
        err.print(f"left out: {found.only_first} samples of A alone, {found.only_second} of B alone")
    if written:
        out.print(f"written: {written}", style="dim", markup=False)


def _evaluate(info: BenchmarkInfo, setup: Setup, request: _Request) -> None:
    """Score a model or a file, and show the result."""
    from dataclasses import replace
    from functools import partial

    from segue.evaluation.benchmarks import open_benchmark
    from segue.evaluation.processes import current_process
    from segue.evaluation.runner import run

    process = current_process()
    predict: Predict
    if request.predictions is not None:
        from segue.evaluation.predictions_file import PredictionsFile

        file = PredictionsFile(request.predictions)
        _check_protocol(file, setup)
        setup = replace(setup, family=file.family)
        predict, model = file, _file_identity(request.predictions)
        more: dict[str, Any] = {}
        opened = open_benchmark(info, setup)
        name = f"{info.name}-{setup.protocol}-{request.predictions.stem}"
    else:
        from segue.evaluation.wording import family_of

        predictor = _loaded(request, process.local_index, process.count)
        setup = replace(setup, family=family_of(predictor))
        with err.status("reading annotations"):
            opened = open_benchmark(info, setup)
        predict = partial(opened.predict, predictor, batch_size=request.batch_size)
        model, more = _model_identity(request), {"batch_size": request.batch_size}
        name = info.name if setup.protocol == "free" else f"{info.name}-{setup.protocol}"
    more |= {"options": dict(setup.options)} if setup.options else {}
    more |= _data_identity(info, setup)
    output = request.folder / name
    with progress(name, total=len(opened.names())) as update:
        summary = run(
            opened,
            predict,
            model=model,
            output=output,
            settings=more,
            process=process,
            retry=request.retry,
            progress=update if process.is_main else lambda done: None,
        )
    if process.is_main:
        _show(opened, summary, output, request.as_json)


def _show(benchmark: Benchmark, summary: dict[str, Any], output: Path, as_json: bool) -> None:
    from segue.evaluation.page import write_page
    from segue.evaluation.report import published_table, tables

    with err.status("drawing a page"):
        page = write_page(benchmark, output)
    if as_json:
        return print_json(summary)
    columns = getattr(benchmark, "columns", None)
    protocol = benchmark.protocol
    for table in tables(benchmark.name, summary["figures"], protocol=protocol, columns=columns):
        out.print(table)
    if published := _published(benchmark.name):
        out.print(
            published_table(benchmark.name, summary["figures"], published, protocol=protocol, columns=columns)
        )
    failed = f", {summary['num_failed']} of them failed" if summary["num_failed"] else ""
    out.print(f"{summary['num_samples']} pictures{failed}", style="dim")
    out.print(f"page: {page}", style="dim", markup=False)
    out.print(f"written: {output}", style="dim", markup=False)


def _published(name: str) -> Sequence[Any]:
    from segue.evaluation.published import published_figures

    return published_figures(name)


def _loaded(request: _Request, local_index: int, num_processes: int) -> Any:
    """The model, on this process's own GPU where there are several processes."""
    device = request.device
    if num_processes > 1 and device in (None, "cuda"):
        import torch

        device = f"cuda:{local_index}" if torch.cuda.is_available() else device
    return load_model(request.model, device, request.quantise, dtype=request.dtype)


def _model_identity(request: _Request) -> dict[str, Any]:
    """Which model, weights included."""
    from segue.checkpoints.loading import EMBEDDED, embedded
    from segue.checkpoints.published import find_published
    from segue.evaluation.digests import file_digest, weights_files

    name = embedded(request.model)
    path = EMBEDDED[name].folder if name in EMBEDDED else Path(name)
    files = [path] if path.is_file() else weights_files(path) or weights_files(find_published(request.model))
    identity = {"name": request.model, "sha256": file_digest(files)}
    given = {"dtype": request.dtype, "quantise": request.quantise}
    return identity | {name: value for name, value in given.items() if value}


def _file_identity(path: Path) -> dict[str, Any]:
    from segue.evaluation.digests import file_digest

    return {"name": path.name, "sha256": file_digest([path])}


def _data_identity(info: BenchmarkInfo, setup: Setup) -> dict[str, Any]:
    if not info.source or setup.data is None:
        return {}
    from segue.data.sources import get_source
    from segue.evaluation.digests import data_digests

    with err.status("digests of the data files"):
        return {"data": data_digests(get_source(info.source), setup.data, info.split)}


def _check_protocol(file: PredictionsFile, setup: Setup) -> None:
    if file.protocol not in (None, setup.protocol):
        raise DataError(
            f"{file.path} holds rows of the protocol {file.protocol!r}; score them with "
            f"--protocol {file.protocol}"
        )


def _reopened(settings: dict[str, Any], data: Path | None) -> Benchmark:
    """The benchmark of an earlier run, by its settings."""
    from segue.evaluation.benchmarks import Setup, get_benchmark, open_benchmark
    from segue.evaluation.scenes import ScenesBenchmark

    if settings["benchmark"] == "scenes":
        width, height = settings["size"]
        return ScenesBenchmark(
            seed=settings["seed"],
            num_turns=settings["num_turns"],
            size=(width, height),
            split=settings["split"],
            world=settings["world"],
            protocol=settings["protocol"],
        )
    setup = Setup(
        data=data,
        protocol=settings["protocol"],
        family=settings.get("asked_as", ""),
        options=settings.get("options", {}),
    )
    return open_benchmark(get_benchmark(settings["benchmark"]), setup)


def _options(pairs: Sequence[str]) -> dict[str, str]:
    """`NAME=VALUE` settings."""
    options = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise DataError(f"--set {pair}: it takes NAME=VALUE")
        options[name] = value
    return options
