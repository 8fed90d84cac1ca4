"""LISA and GSVA as one folder of safetensors with everything inside, which `segue convert` writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.checkpoints.shards import read_json, read_tensors
from segue.checkpoints.weights import build_and_fill
from segue.errors import CheckpointError

if TYPE_CHECKING:
    import torch

    from segue.lisa_processing import LisaProcessor
    from segue.modeling.lisa import LisaModel

__all__ = ["CONVERTED", "read_converted", "write_converted"]

CONVERTED = ("segue_lisa", "segue_gsva")
"""Their model types."""


def write_converted(
    model: LisaModel, processor: LisaProcessor, folder: Path, *, shard_size: str = "4GB"
) -> None:
    """Configuration, weights by our names, and the tokenizer with its rules; weights keep their dtype."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, max_shard_size=shard_size)
    processor.tokenizer.save(folder)


def read_converted(folder: Path, *, dtype: torch.dtype) -> tuple[LisaModel, LisaProcessor]:
    """What `write_converted` wrote; every tensor must be there, fit, and be expected."""
    from segue.lisa_processing import LisaProcessor
    from segue.modeling.gsva import GsvaModel
    from segue.modeling.lisa import LisaModel
    from segue.modeling.lisa_configuration import GsvaConfig, LisaConfig

    raw = read_json(folder / "config.json")
    rejects = raw.get("model_type") == "segue_gsva"
    config_class: Any = GsvaConfig if rejects else LisaConfig
    model_class = GsvaModel if rejects else LisaModel
    state = read_tensors(folder)
    try:
        config = config_class.from_dict(raw)
        model = build_and_fill(lambda: model_class(config), state, where=str(folder), dtype=dtype)
    except CheckpointError:
        raise
    except Exception as error:  # a configuration can be wrong in as many ways as there are settings
        raise CheckpointError(f"{folder / 'config.json'}: no model can be made of it ({error})") from None
    return model, LisaProcessor.from_pretrained(folder, config)
