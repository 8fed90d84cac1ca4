"""LISA, GSVA and PixelLM as one folder of safetensors with everything inside, as `segue convert` and `segue
train` write it."""

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
    from segue.modeling.pixellm import PixelLMModel

__all__ = ["CONVERTED", "read_converted", "write_converted"]

CONVERTED = ("segue_lisa", "segue_gsva", "segue_pixellm")
"""Their model types."""


def write_converted(
    model: LisaModel | PixelLMModel, processor: LisaProcessor, folder: Path, *, shard_size: str = "4GB"
) -> None:
    """Configuration, weights by our names, and the tokenizer with its rules; weights keep their dtype."""
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder, max_shard_size=shard_size)
    processor.tokenizer.save(folder)


def read_converted(folder: Path, *, dtype: torch.dtype) -> tuple[Any, Any]:
    """What `write_converted` wrote; every tensor must be there, fit, and be expected."""
    from segue.lisa_processing import LisaProcessor
    from segue.modeling.gsva import GsvaModel
    from segue.modeling.lisa import LisaModel
    from segue.modeling.lisa_configuration import GsvaConfig, LisaConfig
    from segue.modeling.pixellm import PixelLMModel
    from segue.modeling.pixellm_configuration import PixelLMConfig
    from segue.pixellm_processing import PixelLMProcessor

    raw = read_json(folder / "config.json")
    families: dict[str, tuple[Any, Any, Any]] = {
        "segue_lisa": (LisaConfig, LisaModel, LisaProcessor),
        "segue_gsva": (GsvaConfig, GsvaModel, LisaProcessor),
        "segue_pixellm": (PixelLMConfig, PixelLMModel, PixelLMProcessor),
    }
    config_class, model_class, processor_class = families[raw["model_type"]]
    state = read_tensors(folder)
    try:
        config = config_class.from_dict(raw)
        model = build_and_fill(lambda: model_class(config), state, where=str(folder), dtype=dtype)
    except CheckpointError:
        raise
    except Exception as error:  # a configuration can be wrong in as many ways as there are settings
        raise CheckpointError(f"{folder / 'config.json'}: no model can be made of it ({error})") from None
    return model, processor_class.from_pretrained(folder, config)
