"""`segue.load`: a name or folder to a `Predictor`, with clear words for whatever is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.errors import CheckpointError

if TYPE_CHECKING:
    import torch

    from segue.predictor import Predictor

__all__ = ["EMBEDDED", "PUBLISHED", "EmbeddedModel", "load"]

WEIGHTS = Path(__file__).parent.parent / "weights"


@dataclass(frozen=True)
class EmbeddedModel:
    """A model that ships with the package."""

    name: str
    folder: Path
    summary: str


EMBEDDED = {
    "segue/mini": EmbeddedModel(
        "segue/mini",
        WEIGHTS / "mini",
        "codebook masks, rejection and word points at small size; trained from scratch on scenes and photographs",
    )
}

PUBLISHED = {
    "xinlai/LISA-7B-v1": "LISA",
    "xinlai/LISA-7B-v1-explanatory": "LISA",
    "xinlai/LISA-13B-llama2-v1": "LISA",
    "xinlai/LISA-13B-llama2-v1-explanatory": "LISA",
    "maverickrzw/PixelLM-7B": "PixelLM",
    "maverickrzw/PixelLM-13B": "PixelLM",
}
"""Published checkpoints by hub name and their family; not readable yet."""


def load(name_or_path: str | Path = "segue/mini", *, device: str | None = None, dtype: str | None = None) -> Predictor:
    """A model ready to be asked.

    Args:
        name_or_path: an embedded model's name, or a folder written by `save_pretrained` or `segue train`.
        device: "cpu", "cuda", "mps"...; default: the best there is.
        dtype: "float32", "bfloat16" or "float16"; default float32 (weights are stored in bfloat16).

    Raises:
        CheckpointError: unknown name, missing or mis-shaped weights, a device or dtype that is not there.
    """
    from segue.predictor import Predictor
    from segue.processing import Processor

    name = str(name_or_path)
    folder = checkpoint_folder(name)
    where = _device(device)
    model = read_grounded_model(folder)
    model = model.to(device=where, dtype=_dtype(dtype)).eval()
    processor = Processor.from_pretrained(folder, model.config)
    if len(processor.tokenizer) > model.config.text_config.vocab_size:
        raise CheckpointError(
            f"{folder}: the tokenizer has {len(processor.tokenizer)} entries, the model {model.config.text_config.vocab_size}"
        )
    shown = name if name in EMBEDDED else folder.resolve().name
    return Predictor(model, processor, name=shown)


def checkpoint_folder(name_or_path: str | Path) -> Path:
    """The folder of an embedded model's name, or the path itself; CheckpointError where it holds no model."""
    name = str(name_or_path)
    folder = EMBEDDED[name].folder if name in EMBEDDED else Path(name_or_path)
    if not (folder / "config.json").is_file():
        raise CheckpointError(_unknown(name, folder))
    return folder


def read_grounded_model(folder: Path) -> Any:
    """The model in a folder of ours; every tensor must be there, fit, and be expected."""
    import json

    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from segue.modeling.configuration import GroundedConfig
    from segue.modeling.grounded import GroundedModel

    try:
        raw = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{folder / 'config.json'}: not readable as JSON ({error})") from None
    if raw.get("model_type") != GroundedConfig.model_type:
        raise CheckpointError(
            f"{folder}: model_type {raw.get('model_type')!r} is not one that segue reads ({GroundedConfig.model_type})"
        )
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise CheckpointError(f"{folder}: no model.safetensors; the folder is incomplete")
    try:
        state = load_file(weights)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{weights}: damaged or cut off ({error}); copy it again") from None
    try:
        model = GroundedModel(GroundedConfig.from_dict(raw))
    except (TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{folder / 'config.json'}: {error}") from None
    _fill(model, state, str(weights))
    return model


def _fill(model: Any, state: dict[str, torch.Tensor], where: str) -> None:
    """Strict loading with one message that names the first few of each fault."""
    own = model.state_dict()
    tied = set(model._tied_weights_keys or ())
    missing = [name for name in own if name not in state and name not in tied]
    unexpected = [name for name in state if name not in own]
    shapes = [
        f"{name} is {tuple(state[name].shape)}, should be {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    faults = [
        f"{len(names)} {what} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("mis-shaped", shapes))
        if names
    ]
    if faults:
        raise CheckpointError(f"{where} does not fit its config.json: {'; '.join(faults)}")
    model.load_state_dict(state, strict=False)
    model.tie_weights()


def _unknown(name: str, folder: Path) -> str:
    if name in PUBLISHED:
        return f"{name}: a published {PUBLISHED[name]} checkpoint; this version of segue cannot read that family yet"
    if folder.is_dir():
        return f"{folder}: no config.json; not a checkpoint folder"
    return f"{name}: no such model; give a checkpoint folder or one of: {', '.join(EMBEDDED)}"


def _device(name: str | None) -> torch.device:
    import torch

    if name is None:
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise CheckpointError(f"device {name!r} cannot be used here: {str(error).splitlines()[0]}") from None
    return device


def _dtype(name: str | None) -> torch.dtype:
    import torch

    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if name is None:
        return torch.float32
    if name not in known:
        raise CheckpointError(f"dtype {name!r} is not one of {', '.join(known)}")
    return known[name]
