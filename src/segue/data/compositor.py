"""Paste instances of one set of photographs onto those of another, to get pictures with several targets and
pictures in which it is known what is not there.

Works on any records with masks, so on a user's own COCO file: `Compositor(CocoRecords(path), folder)`. What
lies on a pasted thing (a tie on a person) comes along with it; what is behind it loses those pixels. A thing
that its own picture's edge cuts off stands at that edge again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from segue.data.augment import SLIVER_OF_OBJECT, SLIVER_OF_PICTURE, load_photograph
from segue.data.native import ObjectRecord, Record, decode_mask, encode_mask, mask_box
from segue.data.photograph_view import is_instance
from segue.errors import DataError

# Of another object's area: as much inside the cut-out and it comes along, less and it is a torn piece.
COMES_ALONG = 0.6


@dataclass(frozen=True)
class Pasting:
    """How pasting may vary. `size` is the thing's longer side as a share of the picture's shorter one."""

    count: tuple[int, int] = (1, 3)
    size: tuple[float, float] = (0.25, 0.75)
    largest_enlargement: float = 1.6
    smallest_cutout: float = 0.02
    """Share of its own picture that an instance needs, to be worth pasting."""
    kept_visible: float = 0.55
    """Share of an object behind it that a paste must leave."""
    feather: float = 0.8
    """Blur of the edge, in pixels."""
    light: float = 0.6
    """How far, at most, a paste takes the brightness of its new place (1: all of it)."""
    flip: float = 0.5


@dataclass(frozen=True)
class Cutout:
    """An instance with its pixels, and the masks of all that comes with it, the instance itself first."""

    pixels: np.ndarray
    """(h, w, 3) uint8, the instance's box."""
    objects: tuple[ObjectRecord, ...]
    masks: tuple[np.ndarray, ...]
    """bool (h, w) for each object."""
    torn: frozenset[str] = frozenset()
    """Categories of which a piece is on the cut-out."""
    exhaustive: frozenset[str] | None = None
    """What its picture's labels cover wherever it occurs; None: everything."""
    edges: frozenset[str] = frozenset()
    """The edges of its own picture that cut it off: left, right, top, bottom."""


@dataclass
class _Layer:
    """An object of the canvas; `mask` is None where only its box is known."""

    entry: ObjectRecord
    mask: np.ndarray | None
    first_area: int
    area: int

    @classmethod
    def of(cls, entry: ObjectRecord, mask: np.ndarray | None) -> _Layer:
        area = 0 if mask is None else int(np.count_nonzero(mask))
        return cls(entry, mask, area, area)


@dataclass
class _Canvas:
    """A picture that is being pasted on."""

    pixels: np.ndarray
    layers: list[_Layer]
    ignore: np.ndarray
    unsure: set[str] = field(default_factory=set)


class Compositor:
    """A source of pasted pictures: backgrounds from `records`, instances from `donors` (by default the same).

    `folder` and `donor_folder` are what the records' images lie in. `sample` gives a picture and its record
    with an empty dialogue, ready for `augment` and `photograph_turns`.
    """

    def __init__(
        self,
        records: Sequence[Record],
        folder: str | Path,
        *,
        donors: Sequence[Record] | None = None,
        donor_folder: str | Path | None = None,
        pasting: Pasting | None = None,
    ) -> None:
        self.records, self.folder = records, Path(folder)
        self.donors = records if donors is None else donors
        self.donor_folder = self.folder if donor_folder is None else Path(donor_folder)
        self.pasting = pasting or Pasting()
        if len(self.records) == 0 or len(self.donors) == 0:
            raise DataError(f"{folder}: no pictures to paste with")

    def sample(self, rng: np.random.Generator) -> tuple[np.ndarray, Record]:
        """A background with instances of other pictures on it."""
        record = self.records[int(rng.integers(len(self.records)))]
        image = load_photograph(self.folder / record.image)
        low, high = self.pasting.count
        cutouts = [self._cutout(rng) for _ in range(int(rng.integers(low, high + 1)))]
        return paste(image, record, [each for each in cutouts if each is not None], rng, pasting=self.pasting)

    def _cutout(self, rng: np.random.Generator) -> Cutout | None:
        """An instance of some donor; None where twenty have none that is worth pasting."""
        for _ in range(20):
            record = self.donors[int(rng.integers(len(self.donors)))]
            least = self.pasting.smallest_cutout * record.width * record.height
            worth = [
                entry
                for entry in record.objects
                if entry.segmentation and entry.part_of is None and is_instance(entry)
                if entry.bbox[2] * entry.bbox[3] >= least and len(_edges(entry.bbox, record)) <= 2
            ]
            if worth:
                entry = worth[int(rng.integers(len(worth)))]
                return cut_out(load_photograph(self.donor_folder / record.image), record, entry)
        return None


def cut_out(image: np.ndarray, record: Record, entry: ObjectRecord) -> Cutout:
    """One object of the picture, with what lies on it."""
    whole = decode_mask(entry.segmentation, record.height, record.width)
    x, y, width, height = (int(value) for value in mask_box(whole))
    window = (slice(y, y + height), slice(x, x + width))
    mask = whole[window]
    objects, masks, torn = [entry], [mask], set()
    for other in record.objects:
        if other.id == entry.id or not other.segmentation:
            continue
        its_mask = decode_mask(other.segmentation, record.height, record.width)
        shared = its_mask[window] & mask
        if shared.sum() > COMES_ALONG * max(1, its_mask.sum()):
            objects.append(other)
            masks.append(shared)
        elif shared.sum() > 0.02 * mask.sum():
            torn.add(other.category)
    exhaustive = None if record.exhaustive == "all" else frozenset(record.exhaustive)
    return Cutout(
        pixels=image[window],
        objects=tuple(objects),
        masks=tuple(masks),
        torn=frozenset(torn),
        exhaustive=exhaustive,
        edges=_edges(mask_box(whole), record),
    )


def paste(
    image: np.ndarray,
    record: Record,
    cutouts: Sequence[Cutout],
    rng: np.random.Generator,
    *,
    pasting: Pasting | None = None,
) -> tuple[np.ndarray, Record]:
    """The picture with the cut-outs on it, one over the other, and the record of what is then seen.

    A cut-out that finds no place without hiding something is left out. Existing turns are dropped: they spoke
    of another picture. A category is exhaustive where it was so in every picture that took part.
    """
    pasting = pasting or Pasting()
    if image.shape[:2] != (record.height, record.width):
        raise DataError(
            f"{record.image}: the picture is {image.shape[:2]} (height, width), its record says other"
        )
    size = (record.height, record.width)
    layers = [
        _Layer.of(entry, decode_mask(entry.segmentation, *size) if entry.segmentation else None)
        for entry in record.objects
    ]
    canvas = _Canvas(image.copy(), layers, np.zeros(size, dtype=bool))
    if record.ignore is not None:
        canvas.ignore |= decode_mask(record.ignore, *size)
    exhaustive = None if record.exhaustive == "all" else frozenset(record.exhaustive)
    for cutout in cutouts:
        if _paste_one(canvas, _resized(cutout, min(size), rng, pasting), rng, pasting):
            canvas.unsure |= cutout.torn
            if cutout.exhaustive is not None:
                exhaustive = cutout.exhaustive if exhaustive is None else exhaustive & cutout.exhaustive
    objects = _visible(canvas)
    known: list[str] | str = "all"
    if exhaustive is not None or canvas.unsure:
        known = sorted((exhaustive or frozenset()) - canvas.unsure)
    return canvas.pixels, record.model_copy(
        update={
            "objects": objects,
            "dialogue": [],
            "ignore": encode_mask(canvas.ignore) if canvas.ignore.any() else None,
            "exhaustive": known,
        }
    )


def _edges(box: Sequence[float], record: Record) -> frozenset[str]:
    """The edges of the picture that a box touches."""
    x, y, width, height = box
    touched = {
        "left": x <= 1,
        "top": y <= 1,
        "right": x + width >= record.width - 1,
        "bottom": y + height >= record.height - 1,
    }
    return frozenset(edge for edge, touches in touched.items() if touches)


def _resized(cutout: Cutout, canvas_side: int, rng: np.random.Generator, pasting: Pasting) -> Cutout:
    """The cut-out at the size it will have, at times mirrored."""
    height, width = cutout.pixels.shape[:2]
    scale = rng.uniform(*pasting.size) * canvas_side / max(height, width)
    scale = min(scale, pasting.largest_enlargement)
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    flip = rng.random() < pasting.flip
    step = -1 if flip else 1
    pixels = np.asarray(Image.fromarray(cutout.pixels).resize(size, Image.Resampling.BILINEAR))
    masks = [
        np.asarray(Image.fromarray(mask.astype(np.uint8) * 255).resize(size, Image.Resampling.BILINEAR))
        >= 128
        for mask in cutout.masks
    ]
    other_side = {"left": "right", "right": "left"} if flip else {}
    return replace(
        cutout,
        pixels=pixels[:, ::step],
        masks=tuple(mask[:, ::step] for mask in masks),
        edges=frozenset(other_side.get(edge, edge) for edge in cutout.edges),
    )


def _paste_one(canvas: _Canvas, cutout: Cutout, rng: np.random.Generator, pasting: Pasting) -> bool:
    """Put the cut-out where it hides nothing wholly; False where ten tries found no such place."""
    height, width = cutout.pixels.shape[:2]
    rows, columns = canvas.pixels.shape[:2]
    pasted = cutout.masks[0]
    if not pasted.any() or height > rows or width > columns:
        return False
    for _ in range(10):
        y = _offset(rows - height, "top" in cutout.edges, "bottom" in cutout.edges, rng)
        x = _offset(columns - width, "left" in cutout.edges, "right" in cutout.edges, rng)
        window = (slice(y, y + height), slice(x, x + width))
        if not any(_hidden(layer, pasted, window, pasting.kept_visible) for layer in canvas.layers):
            break
    else:
        return False

    # 1. Pixels: brightness drawn towards the new place, a soft edge within the mask.
    place = canvas.pixels[window]
    gain = _gain(cutout, place, strength=rng.uniform(0, pasting.light))
    alpha = _feathered(pasted, pasting.feather)[..., None]
    mixed = alpha * np.minimum(cutout.pixels * gain, 255) + (1 - alpha) * place
    canvas.pixels[window] = np.round(mixed).astype(np.uint8)

    # 2. Masks: what is behind loses the pixels; the new objects come after all others.
    for layer in canvas.layers:
        if layer.mask is not None:
            layer.mask[window] &= ~pasted
            layer.area = int(np.count_nonzero(layer.mask))
    canvas.ignore[window] &= ~pasted
    next_id = 1 + max((layer.entry.id for layer in canvas.layers), default=0)
    for offset, (entry, part) in enumerate(zip(cutout.objects, cutout.masks, strict=True)):
        mask = np.zeros((rows, columns), dtype=bool)
        mask[window] = part
        fresh = entry.model_copy(update={"id": next_id + offset, "bbox": mask_box(mask), "part_of": None})
        canvas.layers.append(_Layer.of(fresh, mask))
    return True


def _offset(room: int, at_start: bool, at_end: bool, rng: np.random.Generator) -> int:
    """A place along one side of the picture: anywhere, or at the edge that cuts the thing off."""
    if at_start == at_end:
        return int(rng.integers(room + 1))
    return 0 if at_start else room


def _hidden(layer: _Layer, pasted: np.ndarray, window: tuple[slice, slice], kept_visible: float) -> bool:
    """Whether a paste there would leave too little of the object (of a box alone: would touch it)."""
    x, y, width, height = layer.entry.bbox
    apart_x = x >= window[1].stop or x + width <= window[1].start
    apart_y = y >= window[0].stop or y + height <= window[0].start
    if apart_x or apart_y:
        return False
    if layer.mask is None:
        return True
    covered = int(np.count_nonzero(layer.mask[window] & pasted))
    return layer.first_area > 0 and layer.area - covered < kept_visible * layer.first_area


def _gain(cutout: Cutout, place: np.ndarray, *, strength: float) -> float:
    """A factor on the cut-out that draws its mean brightness towards that of the place."""
    own = float(cutout.pixels[cutout.masks[0]].mean())
    return float(np.clip(1 + strength * (float(place.mean()) / max(own, 1.0) - 1), 0.5, 2.0))


def _feathered(mask: np.ndarray, radius: float) -> np.ndarray:
    """Opacity 0-1: the mask, soft at the edge and zero outside."""
    soft = Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.GaussianBlur(radius))
    return np.where(mask, np.asarray(soft, dtype=np.float32) / 255, 0)


def _visible(canvas: _Canvas) -> list[ObjectRecord]:
    """The records of what can still be seen; slivers go to `ignore` and leave their category unsure."""
    visible = []
    for layer in canvas.layers:
        entry, mask = layer.entry, layer.mask
        if mask is None:
            visible.append(entry)
            continue
        least = max(SLIVER_OF_OBJECT * layer.first_area, SLIVER_OF_PICTURE * mask.size)
        if layer.area == layer.first_area or layer.area >= least:
            visible.append(
                entry.model_copy(update={"segmentation": encode_mask(mask), "bbox": mask_box(mask)})
            )
        elif layer.area:
            canvas.unsure.add(entry.category)
            canvas.ignore |= mask
    return visible
