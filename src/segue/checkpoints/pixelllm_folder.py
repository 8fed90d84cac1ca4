"""A PixelLLM in a folder of ours: config.json, model.safetensors, tokenizer.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from segue.checkpoints.strict import fill
from segue.errors import CheckpointError

if TYPE_CHECKING:
    from segue.caption_text import CaptionText
    from segue.modeling.pixelllm import PixelLLM
    from segue.modeling.pixelllm_configuration import PixelLLMConfig

__all__ = ["is_pixelllm", "read_pixelllm", "write_pixelllm"]

MODEL_TYPE = "segue_pixelllm"


def is_pixelllm(folder: Path) -> bool:
    """Whether the folder's configuration says so."""
    try:
        raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(raw, dict) and raw.get("model_type") == MODEL_TYPE


def read_pixelllm(folder: Path) -> tuple[PixelLLM, CaptionText]:
    """The model, in float32 and eval mode, and its texts.

    Raises:
        CheckpointError: a part is missing or damaged, or weights do not fit.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from segue.modeling.pixelllm import PixelLLM
    from segue.modeling.pixelllm_configuration import PixelLLMConfig

    try:
        config = PixelLLMConfig.from_dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))
        model = PixelLLM(config)
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise CheckpointError(f"{folder / 'config.json'}: no model can be made of it ({error})") from None
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise CheckpointError(f"{folder}: no model.safetensors; the folder is incomplete")
    try:
        state = load_file(weights)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{weights}: damaged or cut off ({error}); copy it again") from None
    fill(model, state, str(weights))
    return model.eval(), texts(folder, config)


def texts(folder: Path, config: PixelLLMConfig) -> CaptionText:
    """The folder's tokenizer with the configuration's ids."""
    from segue.caption_text import CaptionText

    text = CaptionText.from_pretrained(
        folder,
        bos=config.bos_token_id,
        eos=config.eos_token_id,
        length=config.max_text_length,
        context_length=config.max_context_length,
        lowercase=config.lowercase,
    )
    rows = config.text_config.vocab_size
    if text.tokenizer.get_vocab_size() > rows:
        raise CheckpointError(f"{folder}: the tokenizer has more entries than the model's {rows}")
    return text


def write_pixelllm(model: PixelLLM, tokenizer_file: Path, folder: Path) -> None:
    """A folder that `segue.load` reads; `tokenizer_file` is the language model's tokenizer.json."""
    import shutil

    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(folder)
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    shutil.copyfile(tokenizer_file, folder / "tokenizer.json")
