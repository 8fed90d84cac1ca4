"""`segue.load`: a name or folder to a `Predictor`, with clear words for whatever is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from segue.checkpoints.adapters import is_adapter
from segue.checkpoints.pixelllm_folder import is_pixelllm, read_pixelllm
from segue.checkpoints.placing import check_quantise, get_device, get_dtype, place
from segue.collecting import uncollected
from segue.errors import CapabilityError, CheckpointError

if TYPE_CHECKING:
    import torch

    from segue.modeling.configuration import GroundedConfig
    from segue.modeling.grounded import GroundedModel
    from segue.predictor import Predictor

__all__ = [
    "EMBEDDED",
    "PUBLISHED",
    "EmbeddedModel",
    "checkpoint_folder",
    "embedded",
    "load",
    "read_grounded_model",
]

WEIGHTS_FILE = "model.safetensors"
_HUB_NAME = re.compile(r"[\w.-]{1,96}(/[\w.-]{1,96}){1,4}")
WEIGHTS = Path(__file__).parent.parent / "weights"


@dataclass(frozen=True)
class EmbeddedModel:
    """A model that ships with the package."""

    name: str
    folder: Path
    summary: str
    converted: bool = False
    """Whether its folder is one of the LLaVA families' (`segue.checkpoints.converted`)."""


_MODELS = (
    EmbeddedModel(
        "segue/mini",
        WEIGHTS / "mini",
        "codebook masks, rejection and word points at small size; trained on scenes and photographs",
    ),
    EmbeddedModel(
        "segue/mini-pixelllm",
        WEIGHTS / "mini-pixelllm",
        "PixelLLM at small size: captions with a point for every word, dense captions, expressions",
    ),
    EmbeddedModel(
        "segue/mini-lisa",
        WEIGHTS / "mini-lisa",
        "LISA at small size: one mask for whatever a question means",
        converted=True,
    ),
    EmbeddedModel(
        "segue/mini-gsva",
        WEIGHTS / "mini-gsva",
        "GSVA at small size: a mask for each of several targets, and rejection of what is absent",
        converted=True,
    ),
)
EMBEDDED = {
    model.name: model
    for model in _MODELS
    if model.name == "segue/mini" or (model.folder / "config.json").is_file()
}
"""The default, and what else this installation has. `embedded` also knows them without "segue/"."""

PUBLISHED = {
    "xinlai/LISA-7B-v1": "LISA",
    "xinlai/LISA-7B-v1-explanatory": "LISA",
    "xinlai/LISA-13B-llama2-v1": "LISA",
    "xinlai/LISA-13B-llama2-v1-explanatory": "LISA",
    "maverickrzw/PixelLM-7B": "PixelLM",
    "maverickrzw/PixelLM-13B": "PixelLM",
}
"""Published checkpoints by hub name and their family."""


def load(
    name_or_path: str | Path = "segue/mini",
    *,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
    vision_tower: str | Path | None = None,
    sam: str | Path | None = None,
    sam_config: Mapping[str, Any] | None = None,
    base: str | Path | None = None,
    template: str = "llava_v1",
    lora_alpha: float | None = None,
    quantise: str | None = None,
) -> Predictor:
    """A model ready to be asked.

    Args:
        name_or_path: an embedded model's name, a published checkpoint's hub name, a folder (published, or
            written by `save_pretrained`, `segue train` or `segue convert`), or GSVA's `.bin`.
        device: "cpu", "cuda", "mps"...; default, or "auto": the best there is.
        dtype: "float32", "bfloat16" or "float16"; default float32, or bfloat16 with `quantise`, whatever the
            weights are stored in.
        vision_tower: of a published checkpoint, CLIP's folder or hub name; default: what it says itself.
        sam: Segment Anything's original file, or transformers' folder or hub name. GSVA: for what the `.bin`
            lacks. LISA: in place of the checkpoint's, but for the mask decoder, which LISA trains.
        sam_config: LISA, GSVA: dimensions of SAM that its weights do not tell (`SamDimensions`).
        base: GSVA: the LLaVA folder or hub name that the `.bin` was trained on.
        template: LISA, GSVA: name of the prompt template (`segue.conversation`), which no checkpoint tells.
        lora_alpha: GSVA: of an unmerged `.bin`, which does not tell it; default 16, as in all released ones.
        quantise: LISA, GSVA, PixelLM: "4bit" or "8bit" for the language model's layers (bitsandbytes, on
            whatever device it can); all else stays in `dtype`.

    Raises:
        CheckpointError: unknown name, missing or mis-shaped weights, a device or dtype that is not there.
        CapabilityError: a family whose language model is not quantised.
        MissingDependencyError: `quantise` without bitsandbytes.
    """
    with uncollected():
        from segue.predictor import Predictor
        from segue.processing import Processor

    if quantise is not None and dtype is None:
        dtype = "bfloat16"
    where, precision = get_device(device), get_dtype(dtype)
    if base is not None or str(name_or_path).endswith((".bin", ".pt", ".pth")):
        from segue.checkpoints.gsva_layout import read_gsva

        file = Path(name_or_path)
        if not file.is_file():
            raise CheckpointError(f"{file}: no such file of weights")
        check_quantise(quantise, where)
        network, own_processor = read_gsva(
            file,
            base=base,
            vision_tower=vision_tower,
            sam=sam,
            sam_config=sam_config,
            template=template,
            dtype=precision,
            quantise=quantise,
            **({} if lora_alpha is None else {"lora_alpha": lora_alpha}),
        )
        return Predictor(place(network, where, precision, quantise).eval(), own_processor, name=file.stem)
    if is_adapter(name_or_path):
        return _load_adapter(Path(name_or_path), device=where, dtype=precision, quantise=quantise)
    if (published := _published_folder(name_or_path)) is not None:
        from segue.checkpoints.published import read_published

        check_quantise(quantise, where)
        network, own_processor = read_published(
            published,
            dtype=precision,
            vision_tower=vision_tower,
            sam=sam,
            sam_config=sam_config,
            template=template,
            quantise=quantise,
        )
        network = place(network, where, precision, quantise).eval()
        return Predictor(network, own_processor, name=_shown(name_or_path))
    folder = checkpoint_folder(name_or_path)
    if quantise is not None:
        raise _not_quantised(_shown(name_or_path), pixelllm=is_pixelllm(folder))
    if is_pixelllm(folder):
        from segue.pixelllm_predictor import PixelLLMPredictor

        pixelllm, text = read_pixelllm(folder)
        network = place(pixelllm, where, precision)
        captions = PixelLLMPredictor(network, text, name=_shown(name_or_path))
        return cast("Predictor", captions)
    model = read_grounded_model(folder)
    processor = Processor.from_pretrained(folder, cast("GroundedConfig", model.config))
    entries, rows = len(processor.tokenizer), model.config.text_config.vocab_size
    if entries > rows:
        raise CheckpointError(f"{folder}: the tokenizer has {entries} entries, the model {rows}")
    return Predictor(place(model, where, precision).eval(), processor, name=_shown(name_or_path))


def _load_adapter(
    folder: Path, *, device: torch.device, dtype: torch.dtype, quantise: str | None
) -> Predictor:
    """What a run saved on its way, on the weights that it began from."""
    from segue.caption_text import CaptionText
    from segue.checkpoints.adapters import load_adapter, read_note
    from segue.pixelllm_predictor import PixelLLMPredictor
    from segue.predictor import Predictor

    name = folder.resolve().name
    if quantise is not None and read_note(folder).family == "pixelllm":
        raise _not_quantised(name, pixelllm=True)
    check_quantise(quantise, device)
    network, texts = load_adapter(folder, dtype=dtype, quantise=quantise)
    model = place(network, device, dtype, quantise)
    if isinstance(texts, CaptionText):
        return cast("Predictor", PixelLLMPredictor(model, texts, name=name))
    return Predictor(model, texts, name=name)


def embedded(name_or_path: str | Path) -> str:
    """The name as `EMBEDDED` has it, where it is one without "segue/" and no folder is called so."""
    name = str(name_or_path)
    full = f"segue/{name}"
    return full if full in EMBEDDED and not Path(name).exists() else name


def checkpoint_folder(name_or_path: str | Path) -> Path:
    """The folder of an embedded model's name, or the path itself; CheckpointError where it holds no model."""
    name = embedded(name_or_path)
    folder = EMBEDDED[name].folder if name in EMBEDDED else Path(name_or_path)
    try:
        known = bool(name) and (folder / "config.json").is_file()
    except (OSError, ValueError):  # a name too long for a path, or with a null character
        known = False
    if not known:
        raise CheckpointError(_unknown(name, folder))
    return folder


def _published_folder(name_or_path: str | Path) -> Path | None:
    """Where a published checkpoint lies (fetched, for a hub name); None for anything else."""
    name = embedded(name_or_path)
    if name in EMBEDDED:
        return EMBEDDED[name].folder if EMBEDDED[name].converted else None
    from segue.checkpoints.published import find_published, is_published
    from segue.checkpoints.shards import read_json

    if _HUB_NAME.fullmatch(name) and not Path(name).exists():
        try:
            return find_published(name)
        except CheckpointError as error:
            if name in PUBLISHED:
                raise CheckpointError(f"a published {PUBLISHED[name]} checkpoint: {error}") from None
            raise CheckpointError(f"{_unknown(name, Path(name))} ({error})") from None
    try:
        known = bool(name) and Path(name).is_dir()
    except (OSError, ValueError):  # a name too long for a path, or with a null character
        return None
    if not known:
        return None
    folder = find_published(name)
    try:
        return folder if is_published(read_json(folder / "config.json")) else None
    except CheckpointError:  # said better by who reads segue's own folders
        return None


def read_grounded_model(folder: Path) -> GroundedModel:
    """The model in a folder of ours, in float32; every tensor must be there, fit, and be expected."""
    from transformers.initialization import no_init_weights

    from segue.modeling.configuration import GroundedConfig
    from segue.modeling.grounded import GroundedModel

    # 1) What it says it is.
    config_path = folder / "config.json"
    try:
        raw = json.loads(config_path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{config_path}: not readable as JSON ({_reason(error)})") from None
    kind = raw.get("model_type") if isinstance(raw, dict) else None
    if kind != GroundedConfig.model_type:
        raise CheckpointError(
            f"{folder}: model_type {kind!r} is not one that segue reads ({GroundedConfig.model_type})"
        )
    # 2) Its weights.
    state = _read_weights(folder)
    # 3) The network, whose every weight comes from the file, so that none needs a random start.
    try:
        with no_init_weights():
            model = GroundedModel(GroundedConfig.from_dict(raw))
    except Exception as error:  # a configuration can be wrong in as many ways as there are settings
        raise CheckpointError(f"{config_path}: no model can be made of it ({_reason(error)})") from None
    _fill(model, state, folder / WEIGHTS_FILE)
    return model


def _read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The tensors of a folder, from safetensors alone: pickled weights can run code and are never opened."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / WEIGHTS_FILE
    if not path.is_file():
        pickled = sorted(p.name for pattern in ("*.bin", "*.pt", "*.pth") for p in folder.glob(pattern))
        if pickled:
            raise CheckpointError(
                f"{folder}: its weights are pickled ({pickled[0]}), which could run code when opened, and "
                f"are not read; save them as {WEIGHTS_FILE}"
            )
        raise CheckpointError(f"{folder}: no {WEIGHTS_FILE}; the folder is incomplete")
    try:
        state = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged or cut off ({_reason(error)}); copy it again") from None
    # A sum is finite only where every summand is, and takes a fifth of the time; one that overflows decides
    # nothing.
    sums = ((name, value, value.sum(dtype=torch.float32)) for name, value in state.items())
    broken = [name for name, value, total in sums if not (total.isfinite() or value.isfinite().all())]
    if broken:
        raise CheckpointError(f"{path}: {_listed('tensors that hold NaN or infinity', broken)}")
    return state


def _fill(model: GroundedModel, state: dict[str, torch.Tensor], where: Path) -> None:
    """Strict loading with one message that names the first few of each fault."""
    own = model.state_dict()
    tied = set(model._tied_weights_keys) if model.config.text_config.tie_word_embeddings else set()
    shapes = [
        f"{name} is {tuple(state[name].shape)}, should be {tuple(own[name].shape)}"
        for name in own
        if name in state and state[name].shape != own[name].shape
    ]
    faults = [
        _listed(what, names)
        for what, names in (
            ("missing", [name for name in own if name not in state and name not in tied]),
            ("unexpected", [name for name in state if name not in own]),
            ("mis-shaped", shapes),
        )
        if names
    ]
    if faults:
        raise CheckpointError(f"{where} does not fit its config.json: {'; '.join(faults)}")
    model.load_state_dict(state, strict=False)
    model.tie_weights()


def _not_quantised(name: str, *, pixelllm: bool) -> CapabilityError:
    if pixelllm:
        why = "PixelLLM's is not a LLaMA"
    else:
        why = "segue's own models are a few megabytes, so that nothing would be gained"
    return CapabilityError(f"{name}: quantise is for the language model of LISA, GSVA and PixelLM; {why}")


def _shown(name_or_path: str | Path) -> str:
    """What answers call a model: its own name, or its folder's."""
    name = embedded(name_or_path)
    return name if name in EMBEDDED or name in PUBLISHED else Path(name).resolve().name


def _listed(what: str, names: Sequence[str]) -> str:
    return f"{len(names)} {what} ({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"


def _reason(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0].strip() if lines else type(error).__name__


def _unknown(name: str, folder: Path) -> str:
    if name in EMBEDDED:
        return f"{name}: its weights are not part of this installation; train them with `segue train mini`"
    try:
        is_folder, is_file = bool(name) and folder.is_dir(), folder.is_file()
    except (OSError, ValueError):
        is_folder = is_file = False
    if is_folder:
        return f"{folder}: no config.json; not a checkpoint folder"
    if is_file:
        return f"{folder}: a file; give the folder that holds it and its config.json"
    return f"{name!r}: no such model; give a checkpoint folder or one of: {', '.join(EMBEDDED)}"
