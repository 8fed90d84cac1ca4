"""What a run changed, without the weights that it began from: PEFT's LoRA and the parts trained fully.

    adapter_config.json, adapter_model.safetensors   PEFT's own format, of the language model alone
    trained.safetensors                              what is not LoRA, by our names
    segue_adapter.json                               the family and what all this belongs on

`segue.load(folder)` puts them together: the bases (or the model) that `segue_adapter.json` names, the updates
merged in. A run's checkpoints are such folders.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segue.checkpoints.lora import WRAPPER, merge_lora
from segue.checkpoints.shards import read_file, read_json
from segue.errors import CheckpointError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = [
    "NOTE",
    "AdapterNote",
    "build_base",
    "is_adapter",
    "load_adapter",
    "read_adapter",
    "read_note",
    "write_adapter",
]

NOTE = "segue_adapter.json"
LANGUAGE_MODEL = "language_model."
"""Where the adapted language model is, in every family's names."""
_LORA = ".lora_"
_ADAPTER = ".default."


@dataclass(frozen=True)
class AdapterNote:
    """What an adapter folder belongs on.

    Attributes:
        family: "lisa", "gsva", "pixellm" or "pixelllm".
        base: the model that the run began from, if it began from one.
        bases: or its base checkpoints: language_model, vision_tower, sam.
        model: sections and settings of the configuration, as the recipe has them.
        template: of the prompts.
        lora: rank, alpha, dropout and targets; None where nothing low-rank was trained, or where it is a part
            of the model, as PixelLLM's is.
    """

    family: str
    base: str | None = None
    bases: Mapping[str, Any] = field(default_factory=dict)
    model: Mapping[str, Any] = field(default_factory=dict)
    template: str = "llava_v1"
    lora: Mapping[str, Any] | None = None


def is_adapter(name: str | Path) -> bool:
    """Whether a folder holds an adapter of ours."""
    try:
        return bool(str(name)) and (Path(name) / NOTE).is_file()
    except (OSError, ValueError):  # a name too long for a path, or with a null character
        return False


def write_adapter(folder: Path, state: Mapping[str, Tensor], note: AdapterNote) -> None:
    """Write `state` (our names, PEFT's for LoRA) with what it belongs on."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    low_rank = {name for name in state if _LORA in name and note.lora is not None}
    lora = {
        WRAPPER + name.removeprefix(LANGUAGE_MODEL).replace(_ADAPTER, "."): state[name].contiguous()
        for name in sorted(low_rank)
    }
    rest = {name: value.contiguous() for name, value in state.items() if name not in low_rank}
    save_file(rest, folder / "trained.safetensors", metadata={"format": "pt"})
    if note.lora is not None:
        save_file(lora, folder / "adapter_model.safetensors", metadata={"format": "pt"})
        config = {
            "peft_type": "LORA",
            "task_type": None,
            "r": note.lora["rank"],
            "lora_alpha": note.lora["alpha"],
            "lora_dropout": note.lora["dropout"],
            "target_modules": list(note.lora["targets"]),
            "bias": "none",
            "inference_mode": True,
            "base_model_name_or_path": note.base or note.bases.get("language_model"),
        }
        (folder / "adapter_config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")
    (folder / NOTE).write_text(json.dumps(asdict(note), indent=1), encoding="utf-8")


def read_note(folder: Path) -> AdapterNote:
    """What an adapter folder belongs on.

    Raises:
        CheckpointError: the note is missing or damaged.
    """
    try:
        return AdapterNote(**read_json(folder / NOTE))
    except TypeError as error:
        raise CheckpointError(f"{folder / NOTE}: not an adapter's note ({error})") from None


def read_adapter(folder: Path) -> tuple[AdapterNote, dict[str, Tensor]]:
    """What `write_adapter` wrote, the names as they were given to it.

    Raises:
        CheckpointError: a file is missing or damaged.
    """
    note = read_note(folder)
    state = read_file(folder / "trained.safetensors")
    if note.lora is not None:
        for name, value in read_file(folder / "adapter_model.safetensors").items():
            own = name.removeprefix(WRAPPER)
            for part in ("lora_A.", "lora_B."):
                own = own.replace(part, part.rstrip(".") + _ADAPTER)
            state[LANGUAGE_MODEL + own] = value
    return note, state


def load_adapter(folder: Path, *, dtype: torch.dtype, quantise: str | None = None) -> tuple[Any, Any]:
    """Model and processor with the updates merged in.

    Args:
        quantise: what the caller will do to the language model, for the line that says what it all takes.

    Raises:
        CheckpointError: what it belongs on is not there, or does not fit.
    """
    note, state = read_adapter(folder)
    model, processor = base_model(note, dtype=dtype, quantise=quantise)
    own, merged = model.state_dict(), state
    if note.lora is not None:
        names = {name.replace(_ADAPTER, "."): value for name, value in state.items()}
        stems = {name.partition(_LORA)[0] + ".weight" for name in names if _LORA in name}
        merged = merge_lora(
            {**{stem: own[stem] for stem in stems if stem in own}, **names},
            alpha=note.lora["alpha"],
            where=str(folder),
        )
    wrong = [name for name, value in merged.items() if name not in own or own[name].shape != value.shape]
    if wrong:
        raise CheckpointError(
            f"{folder}: {len(wrong)} weights do not fit {note.base or note.bases} ({', '.join(wrong[:3])})"
        )
    model.load_state_dict(merged, strict=False)
    return model.eval(), processor


def base_model(note: AdapterNote, *, dtype: torch.dtype, quantise: str | None = None) -> tuple[Any, Any]:
    """Model and processor that an adapter belongs on, as they were before the run."""
    built = build_base(note, dtype=dtype, seed=0, quantise=quantise)
    return built.model, built.processor


def build_base(note: AdapterNote, *, dtype: torch.dtype, seed: int, quantise: str | None = None) -> Any:
    """`segue.checkpoints.bases.Built`: from base checkpoints, or from a model that is complete already."""
    from segue.checkpoints.bases import Built, build_lisa, build_pixellm

    if note.base is not None:
        model, processor = _finished(note.base, dtype=dtype, template=note.template, quantise=quantise)
        return Built(model, processor, frozenset())
    if note.family == "pixelllm":
        from segue.checkpoints.pixelllm_bases import build_pixelllm

        return build_pixelllm(**note.bases, expected=note.model, dtype=dtype, seed=seed)
    common: dict[str, Any] = {
        "language_model": note.bases["language_model"],
        "vision_tower": note.bases["vision_tower"],
        "template": note.template,
        "expected": note.model,
        "dtype": dtype,
        "seed": seed,
    }
    if note.family == "pixellm":
        return build_pixellm(**common)
    return build_lisa(sam=note.bases.get("sam"), rejects=note.family == "gsva", **common)


def _finished(
    name: str, *, dtype: torch.dtype, template: str, quantise: str | None = None
) -> tuple[Any, Any]:
    from segue.checkpoints.pixelllm_folder import is_pixelllm, read_pixelllm
    from segue.checkpoints.published import find_published, read_published

    if is_adapter(name):
        return load_adapter(Path(name), dtype=dtype, quantise=quantise)
    if is_pixelllm(Path(name)):
        pixelllm, text = read_pixelllm(Path(name))
        captioner: Any = pixelllm
        return captioner.to(dtype), text
    return read_published(find_published(name), dtype=dtype, template=template, quantise=quantise)
