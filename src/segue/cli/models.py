"""`segue models`: which models are there."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from rich.table import Table

from segue.checkpoints.loading import EMBEDDED, PUBLISHED
from segue.cli.console import JsonOption, out, print_json
from segue.errors import CheckpointError


def models(as_json: JsonOption = False) -> None:
    """List the models that come with the package, and published ones."""
    embedded = [
        {"name": model.name, "summary": model.summary, "path": str(model.folder), **describe(model.folder)}
        for model in EMBEDDED.values()
    ]
    if as_json:
        published = [{"name": name, "family": family, "loadable": True} for name, family in PUBLISHED.items()]
        return print_json({"embedded": embedded, "published": published})
    for model in embedded:
        size = (
            f"{model['parameters'] / 1e6:.1f} M parameters, {model['bytes'] / 1e6:.1f} MB in {model['dtype']}"
        )
        out.print(f"[bold]{model['name']}[/]  {size}")
        out.print(f"  {model['summary']}", markup=False)
    out.print("\nAny folder that `segue train` wrote works too: segue ask --model FOLDER ...")
    table = Table(
        "published, downloaded when asked for", "family", box=None, header_style="bold", pad_edge=False
    )
    for name, family in PUBLISHED.items():
        table.add_row(name, family)
    out.print()
    out.print(table)


def describe(folder: Path) -> dict[str, Any]:
    """Size, number of parameters and dtypes of the weights in a model's folder."""
    files = weight_files(folder)
    tensors = [tensor for file in files for tensor in read_safetensors_header(file).values()]
    return {
        "bytes": sum(file.stat().st_size for file in files),
        "parameters": sum(math.prod(tensor["shape"]) for tensor in tensors),
        "dtype": "+".join(sorted({tensor["dtype"].lower() for tensor in tensors})),
    }


def weights_digest(folder: Path) -> str:
    """SHA-256 over the weights in a model's folder: says which of a run's checkpoints was measured."""
    digest = hashlib.sha256()
    for file in weight_files(folder):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def weight_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def read_safetensors_header(file: Path) -> dict[str, dict[str, Any]]:
    """Dtype and shape of every tensor, by name: the format begins with the length of a JSON header. Read here
    so that listing does not import torch."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > file.stat().st_size:
            raise CheckpointError(f"{file} is not a safetensors file, or was cut short.")
        try:
            header = json.loads(stream.read(length))
        except ValueError as error:
            raise CheckpointError(f"{file} is not a safetensors file: {error}.") from error
    return {name: entry for name, entry in header.items() if name != "__metadata__"}
