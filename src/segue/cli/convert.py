"""`segue convert`: a published checkpoint to one folder of safetensors, with CLIP and tokenizer inside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from segue.cli.console import JsonOption, err, out, print_json
from segue.errors import CheckpointError


def convert(
    source: Annotated[
        str, typer.Argument(help="Hub name or folder of LISA's, or GSVA's .bin.", metavar="SOURCE")
    ],
    folder: Annotated[
        Path, typer.Argument(help="Where to write; made if it is not there.", metavar="FOLDER")
    ],
    dtype: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "bfloat16",
    vision_tower: Annotated[
        str | None, typer.Option(help="CLIP's folder or hub name, if not the one the checkpoint names.")
    ] = None,
    base: Annotated[str | None, typer.Option(help="GSVA: the LLaVA folder under the .bin.")] = None,
    sam: Annotated[Path | None, typer.Option(help="GSVA: Segment Anything's .pth.")] = None,
    sam_config: Annotated[
        Path | None, typer.Option(help="JSON file with dimensions of SAM that its weights do not tell.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Convert a published LISA or GSVA checkpoint once; the folder then loads by itself, and fast."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise CheckpointError(f"{folder}: is not an empty folder; nothing was written")
    dimensions = None if sam_config is None else _dimensions(sam_config)
    with err.status("reading"):
        import segue
        from segue.checkpoints.converted import write_converted
        from segue.modeling.lisa import LisaModel

        predictor = segue.load(
            source,
            device="cpu",
            dtype=dtype,
            vision_tower=vision_tower,
            base=base,
            sam=sam,
            sam_config=dimensions,
        )
    if not isinstance(predictor.model, LisaModel):
        raise CheckpointError(f"{source}: only LISA's and GSVA's checkpoints are converted")
    with err.status("writing"):
        write_converted(predictor.model, predictor.processor, folder)
    files = sorted(folder.iterdir())
    size = sum(file.stat().st_size for file in files)
    if as_json:
        return print_json({"folder": str(folder), "files": [file.name for file in files], "bytes": size})
    out.print(f"written: {folder}, {size / 1e6:.1f} MB in {len(files)} files", markup=False)
    out.print(f"use it: segue ask photo.jpg QUESTION --model {folder}", style="dim", markup=False)


def _dimensions(path: Path) -> dict[str, Any]:
    """The object in the file, or its block "sam"."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: an object with SAM's dimensions was expected")
    return content.get("sam", content)
