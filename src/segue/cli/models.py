"""`segue models`: which models are there."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from rich.table import Table

from segue.cli.console import JsonOption, out, print_json
from segue.errors import CheckpointError

WEIGHTS = Path(__file__).parent.parent / "weights"


def models(as_json: JsonOption = False) -> None:
    """List the models that come with the package."""
    found = embedded_models()
    if as_json:
        return print_json(found)
    table = Table("model", "parameters", "size", "dtype", box=None, header_style="bold")
    for model in found:
        size = f"{model['bytes'] / 1e6:.1f} MB"
        table.add_row(model["name"], f"{model['parameters'] / 1e6:.1f} M", size, model["dtype"])
    out.print(table)
    out.print("Any folder that `segue train` wrote works too: segue ask --model FOLDER ...", style="dim")
    out.print("Checkpoints of LISA, GSVA, PixelLM and PixelLLM cannot be loaded yet.", style="dim")


def embedded_models(folder: Path = WEIGHTS) -> list[dict[str, Any]]:
    """Name, file, size and number of parameters of every model in the package."""
    return [_describe(file) for file in sorted(folder.glob("*/model.safetensors"))]


def weights_digest(name: str, folder: Path = WEIGHTS) -> str | None:
    """SHA-256 over a model's weight files, by its name in the package or its folder; None when it has none
    here."""
    home = folder / name.removeprefix("segue/") if name.startswith("segue/") else Path(name)
    files = sorted(home.glob("*.safetensors"))
    if not files:
        return None
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _describe(file: Path) -> dict[str, Any]:
    tensors = read_safetensors_header(file)
    dtypes = sorted({tensor["dtype"].lower() for tensor in tensors.values()})
    return {
        "name": f"segue/{file.parent.name}",
        "path": str(file.parent),
        "bytes": file.stat().st_size,
        "parameters": sum(math.prod(tensor["shape"]) for tensor in tensors.values()),
        "dtype": "+".join(dtypes),
    }


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
