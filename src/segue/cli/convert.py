"""`segue convert`: a published checkpoint, or PixelLLM's JAX parameter tree, to one folder of safetensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from segue.cli.console import JsonOption, err, out, print_json
from segue.errors import CheckpointError


def convert(
    source: Annotated[
        str,
        typer.Argument(
            help="Hub name or folder of LISA's or PixelLM's, GSVA's .bin, or PixelLLM's tree (.npz).",
            metavar="SOURCE",
        ),
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
    tokenizer: Annotated[
        Path | None, typer.Option(help="PixelLLM: folder with the language model's tokenizer.json.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Convert a checkpoint once; the folder then loads by itself, and fast.

    PixelLLM's parameter tree is an .npz with the model's sizes in a config.json beside it.
    """
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise CheckpointError(f"{folder}: is not an empty folder; nothing was written")
    if source.endswith(".npz"):
        _convert_tree(Path(source), folder, tokenizer, dtype)
        return _report(folder, as_json=as_json)
    dimensions = None if sam_config is None else _dimensions(sam_config)
    with err.status("reading"):
        import segue
        from segue.checkpoints.converted import CONVERTED, write_converted

        predictor = segue.load(
            source,
            device="cpu",
            dtype=dtype,
            vision_tower=vision_tower,
            base=base,
            sam=sam,
            sam_config=dimensions,
        )
    if predictor.model.config.model_type not in CONVERTED:
        raise CheckpointError(f"{source}: is a folder of segue's own already; nothing was written")
    with err.status("writing"):
        write_converted(predictor.model, predictor.processor, folder)
    _report(folder, as_json=as_json)


def _convert_tree(tree: Path, folder: Path, tokenizer: Path | None, dtype: str) -> None:
    """PixelLLM's parameter tree, which holds no tokenizer."""
    if tokenizer is None or not (tokenizer / "tokenizer.json").is_file():
        raise CheckpointError(
            f"{tree}: give the folder of the language model's tokenizer.json by --tokenizer"
        )
    with err.status("converting"):
        from segue.checkpoints.jax_layout import config_from_description, load_tree
        from segue.checkpoints.pixelllm_folder import texts, write_pixelllm
        from segue.checkpoints.placing import get_dtype
        from segue.checkpoints.shards import read_json

        config = config_from_description(read_json(tree.parent / "config.json"))
        texts(tokenizer, config)  # refuses one of another model, before anything is written
        model = load_tree(tree, config)
        model.to(dtype=get_dtype(dtype))  # type: ignore[call-arg]  # transformers wraps it without its types
        write_pixelllm(model, tokenizer / "tokenizer.json", folder)


def _report(folder: Path, *, as_json: bool) -> None:
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
