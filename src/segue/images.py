"""Opening pictures safely, and the geometry between a picture and a model's input.

`open_image` takes whatever a user has and returns an upright RGB picture or raises `ImageError`, nothing
else: the format is told from the first bytes (never the file's name) and the size is checked before a pixel
is decoded.

`Geometry` remembers how a picture was put into a model's square input, so that any point, box or mask can go
there and come back. It knows nothing of normalisation: padding is added after it, as all families here do.
Coordinates are continuous pixels, x before y, with (0, 0) the top-left corner of the top-left pixel.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import numpy as np
from PIL import Image

from segue.errors import ImageError

if TYPE_CHECKING:
    import torch

MAX_PIXELS = 100_000_000
MAX_BYTES = 1 << 30

# First bytes -> Pillow's name. Only decoders that read pixels and run nothing (EPS would start a program).
_MAGIC: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "WEBP"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"BM"), "BMP"),
    (re.compile(rb"II\*\0|MM\0\*|II\+\0|MM\0\+"), "TIFF"),
    (re.compile(rb"P[1-6][ \t\r\n#]"), "PPM"),
    (re.compile(rb"\0\0\0\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51"), "JPEG2000"),
    (re.compile(rb".{4}ftypavi[fs]", re.DOTALL), "AVIF"),
)
_REFUSED: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb".{4}ftyp(hei|hev|mif1|msf1)", re.DOTALL), "a HEIC photo"),
    (re.compile(rb".{4}ftyp", re.DOTALL), "a video"),
    (re.compile(rb"RIFF.{4}(AVI |WAVE)|\x1aE\xdf\xa3", re.DOTALL), "a video or sound"),
    (re.compile(rb"%PDF"), "a PDF document"),
    (re.compile(rb"%!PS|\xc5\xd0\xd3\xc6"), "a PostScript document"),
    (re.compile(rb"8BPS"), "a Photoshop document"),
    (re.compile(rb"\s*<svg|\s*<\?xml", re.IGNORECASE), "an SVG or XML document"),
    (re.compile(rb"\s*<(!doctype )?html", re.IGNORECASE), "a web page"),
    (re.compile(rb"PK\x03\x04|\x1f\x8b|7z\xbc\xaf"), "an archive"),
    (re.compile(rb"\x00\x00\x01\x00"), "an icon"),
)
_KNOWN_FORMATS = "JPEG, PNG, WebP, GIF, BMP, TIFF, PPM, JPEG 2000 or AVIF"
_URL = re.compile(r"[a-z][a-z0-9+.\-]+:/+|data:", re.IGNORECASE)
_EXIF_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_image(source: Any, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """An upright RGB picture (alpha on white, first frame, 8 bits) from a path, bytes, file, PIL or array.

    Arrays are uint8, uint16 or float in 0..1, shaped (H, W) or (H, W, 1 | 3 | 4), in RGB order.
    """
    if isinstance(source, Image.Image):
        return _decode(source, "the given PIL image", max_pixels)
    if isinstance(source, (str, os.PathLike)):
        return _open_path(os.fspath(source), max_pixels)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _open_stream(io.BytesIO(bytes(source)), "the given bytes", max_pixels)
    if hasattr(source, "read"):
        return _open_file_object(source, max_pixels)
    if hasattr(source, "__array__"):
        return _from_array(source, max_pixels)
    raise ImageError(
        f"cannot open {type(source).__name__} as an image: pass a path, bytes, a file opened in binary mode, "
        "a PIL image or a NumPy array"
    )


@dataclass(frozen=True)
class ImageHeader:
    """What the first bytes of a picture say: Pillow's name of its format, and its size as stored."""

    format: str
    width: int
    height: int


def read_header(data: bytes) -> ImageHeader:
    """Format and size, without decoding a pixel; `ImageError` where `open_image` would not open it."""
    name = "the given bytes"
    image = _open_lazily(io.BytesIO(data), name)
    return ImageHeader(_sniff(data[:64], name), *image.size)


def _open_path(path: str | bytes, max_pixels: int) -> Image.Image:
    text = os.fsdecode(path)
    if _URL.match(text):
        raise ImageError(f"{text[:80]!r} is a URL, and URLs are not opened: download it and pass the file")
    if not text:
        raise ImageError("the image path is empty")
    try:
        if Path(text).is_dir():
            raise ImageError(f"{text} is a folder, not an image: pass one file")
        with open(text, "rb") as stream:
            if stream.seekable():
                return _open_stream(stream, text, max_pixels)
            return _open_stream(io.BytesIO(_read_all(stream, text)), text, max_pixels)
    except FileNotFoundError:
        raise ImageError(f"{text} does not exist") from None
    except (OSError, ValueError) as error:  # permissions, a name too long, a null byte in it
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"{text!r} cannot be read: {error}") from error


def _open_file_object(source: Any, max_pixels: int) -> Image.Image:
    name = getattr(source, "name", None)
    name = name if isinstance(name, str) else "the given file object"
    try:
        data = _read_all(source, name)
    except (OSError, UnicodeDecodeError) as error:
        raise ImageError(f"{name} cannot be read: {error} (is it opened in binary mode?)") from error
    # A copy, because decoders seek to absolute offsets and the file may stand anywhere.
    return _open_stream(io.BytesIO(data), name, max_pixels)


def _read_all(stream: Any, name: str) -> bytes:
    data = stream.read(MAX_BYTES + 1)
    if not isinstance(data, (bytes, bytearray)):
        raise ImageError(f"{name} gives {type(data).__name__}, not bytes: open it in binary mode ('rb')")
    if len(data) > MAX_BYTES:
        raise ImageError(f"{name} is larger than {MAX_BYTES:,} bytes: pass a smaller picture")
    return bytes(data)


def _open_stream(stream: BinaryIO, name: str, max_pixels: int) -> Image.Image:
    return _decode(_open_lazily(stream, name), name, max_pixels)


def _open_lazily(stream: BinaryIO, name: str) -> Image.Image:
    head = stream.read(64)
    stream.seek(0)
    format_name = _sniff(head, name)
    if format_name not in Image.OPEN:
        Image.preinit()  # JPEG, PNG and a few more; the other forty decoders only where one of them is needed
    if format_name not in Image.OPEN:
        Image.init()
    # The decoder itself rather than Image.open: that one has a pixel limit of its own, global to the process.
    factory, accept = Image.OPEN[format_name]
    accepted = accept(head) if accept else True
    if isinstance(accepted, str):  # how Pillow says that it was built without this decoder
        raise ImageError(f"{name} cannot be opened: {accepted}; convert it to JPEG or PNG")
    try:
        return factory(stream, "")
    except Exception as error:  # decoders fed with damaged bytes raise nearly anything
        raise ImageError(f"{name} is not a readable {format_name} image: {_reason(error)}") from error


def _sniff(head: bytes, name: str) -> str:
    if not head:
        raise ImageError(f"{name} is empty (0 bytes)")
    for pattern, format_name in _MAGIC:
        if pattern.match(head):
            return format_name
    for pattern, what in _REFUSED:
        if pattern.match(head):
            raise ImageError(f"{name} is {what}, not an image that is opened here: convert it to JPEG or PNG")
    raise ImageError(f"{name} is not an image: it does not begin like {_KNOWN_FORMATS}")


def _decode(image: Image.Image, name: str, max_pixels: int) -> Image.Image:
    width, height = image.size
    _check_size(width, height, name, max_pixels)
    try:
        image.load()
        flat = _to_rgb(image)
        turned = _UPRIGHT.get(_orientation(image))
        upright = flat.transpose(turned) if turned is not None else flat
    except Exception as error:  # as above; MemoryError too
        raise ImageError(f"{name} cannot be decoded, it is damaged or cut short: {_reason(error)}") from error
    upright.info = {}  # EXIF and the like described the file; kept, they would be applied twice
    return upright


def _check_size(width: int, height: int, name: str, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise ImageError(f"{name} has no pixels ({width} x {height})")
    if width * height > max_pixels:
        raise ImageError(
            f"{name} is {width} x {height} = {width * height:,} pixels, over the limit of {max_pixels:,}: "
            "make it smaller, or raise max_pixels"
        )


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(_EXIF_ORIENTATION, 1)
    except Exception:  # damaged EXIF says nothing about the pixels: show them as they are
        return 1
    return value if isinstance(value, int) else 1


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = _deep_grey_to_8_bits(image)
    if image.mode in ("RGBa", "La"):  # premultiplied
        image = image.convert(image.mode.upper())
    if not image.has_transparency_data:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return Image.alpha_composite(white, rgba).convert("RGB")


def _deep_grey_to_8_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    grey = Image.fromarray(_grey_bytes(values, _white_level(image, values)))
    clear = image.info.get("transparency")
    if isinstance(clear, int):  # 16-bit PNG: one grey value is see-through
        grey = Image.merge("LA", (grey, Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8))))
    return grey


def _white_level(image: Image.Image, values: np.ndarray) -> float | None:
    """The value that means white, or None when nothing tells it (then the values' own range is used)."""
    if image.mode.startswith("I;16") or image.format == "PNG":
        bits = getattr(image, "tag_v2", {}).get(258)  # TIFF's BitsPerSample: 12 is unpacked without scaling
        return 4095.0 if bits in (12, (12,)) else 65535.0
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0, 0)
    levels = (1.0, 255.0, 65535.0) if image.mode == "F" else (255.0, 65535.0)
    return next((level for level in levels if low >= 0 and high <= level), None)


def _grey_bytes(values: np.ndarray, white: float | None) -> np.ndarray:
    values = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    low = 0.0
    if white is None:
        low, white = float(values.min()), float(values.max())
    return np.clip((values - low) * (255.0 / max(white - low, 1e-12)) + 0.5, 0, 255).astype(np.uint8)


def _from_array(source: Any, max_pixels: int) -> Image.Image:
    try:
        array = np.asarray(source)
    except Exception as error:  # a tensor on a GPU, for one, refuses
        raise ImageError(f"cannot read {type(source).__name__} as an array: {_reason(error)}") from error
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)):
        hint = ": move the channels last" if array.ndim == 3 and array.shape[0] in (1, 3, 4) else ""
        raise ImageError(f"an image array is (H, W) or (H, W, 1, 3 or 4), not {array.shape}{hint}")
    _check_size(array.shape[1], array.shape[0], "the given array", max_pixels)
    array = _array_to_uint8(array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array)
    return _to_rgb(Image.fromarray(np.ascontiguousarray(array)))


def _array_to_uint8(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if array.dtype == np.uint16:
        return ((array.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    if array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not (low >= -1e-6 and high <= 1 + 1e-6):  # NaN fails it too
            raise ImageError(
                f"a float image array holds 0..1, this one {low:g}..{high:g}: scale it or pass uint8"
            )
        return np.clip(array.astype(np.float32) * 255 + 0.5, 0, 255).astype(np.uint8)
    raise ImageError(f"an image array is uint8, uint16 or float in 0..1, not {array.dtype}: convert it first")


def _reason(error: BaseException) -> str:
    return str(error).split("\n")[0].strip() or type(error).__name__


# Geometry ---------------------------------------------------------------------------

OUTSIDE_LOGIT = -20.0
"""What a mask says about the parts of a picture that a crop never showed to the model: surely not."""


@dataclass(frozen=True)
class Geometry:
    """Where a picture lies in a model's input. Sizes are (height, width), `offset` is (x, y).

    The picture is resized from `original` to `resized`, and its top-left corner put at `offset` in the
    `canvas`: (0, 0) with padding to the right and below, negative where a centre crop cuts it.
    """

    original: tuple[int, int]
    resized: tuple[int, int]
    canvas: tuple[int, int]
    offset: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        assert min(*self.original, *self.resized, *self.canvas) >= 1, self

    @classmethod
    def longest_pad(
        cls, height: int, width: int, size: int, *, rounding: Literal["nearest", "floor"] = "nearest"
    ) -> Geometry:
        """Longer side to `size`, padded right and below.

        "nearest" is SAM's rounding (LISA, GSVA, PixelLM). "floor" is PixelLLM's: the shorter side is floored
        first and the longer derived from it, so that it may end a pixel or two below `size`. No side falls
        below 1 px (the originals fail on pictures so narrow).
        """
        if rounding == "nearest":
            scale = size * 1.0 / max(height, width)
            resized = (int(height * scale + 0.5), int(width * scale + 0.5))
        else:
            short, long = min(height, width), max(height, width)
            new_short = max(1, size * short // long)
            new_long = min(size, new_short * long // short)
            resized = (new_short, new_long) if height <= width else (new_long, new_short)
        return cls((height, width), (max(1, resized[0]), max(1, resized[1])), (size, size))

    @classmethod
    def shortest_crop(cls, height: int, width: int, size: int) -> Geometry:
        """Shorter side to `size`, the longer floored, then the centre square: CLIP's image processor."""
        short, long = min(height, width), max(height, width)
        new_long = size * long // short
        resized = (size, new_long) if height <= width else (new_long, size)
        top, left = (resized[0] - size) // 2, (resized[1] - size) // 2
        return cls((height, width), resized, (size, size), (-left, -top))

    @classmethod
    def squash(cls, height: int, width: int, size: int | tuple[int, int]) -> Geometry:
        """Both sides to `size` (one number, or height and width), whatever that does to the proportions."""
        canvas = (size, size) if isinstance(size, int) else size
        return cls((height, width), canvas, canvas)

    @property
    def scale(self) -> tuple[float, float]:
        """(x, y) factors from original to input pixels."""
        return self.resized[1] / self.original[1], self.resized[0] / self.original[0]

    @property
    def valid(self) -> tuple[int, int]:
        """(height, width) of the canvas, from its top-left corner, that shows picture and not padding."""
        x0, y0, x1, y1 = self._window
        return y1 - y0, x1 - x0

    @property
    def _window(self) -> tuple[int, int, int, int]:
        """The part of the resized picture that lies on the canvas, xyxy."""
        x0, y0 = -self.offset[0], -self.offset[1]
        return x0, y0, min(self.resized[1], x0 + self.canvas[1]), min(self.resized[0], y0 + self.canvas[0])

    @property
    def _crops(self) -> bool:
        return self.valid != self.resized

    # Pictures -----------------------------------------------------------------

    def apply(
        self, image: Image.Image, *, resample: Image.Resampling = Image.Resampling.BILINEAR
    ) -> np.ndarray:
        """The picture as the model sees it, uint8 (*valid, channels): resized by PIL (antialias), cropped."""
        assert image.size == self.original[::-1], (image.size, self.original)
        x0, y0, x1, y1 = self._window
        if self.resized[0] * self.resized[1] <= 16 * self.canvas[0] * self.canvas[1]:
            resized = image.resize(self.resized[::-1], resample)
            return np.asarray(resized)[y0:y1, x0:x1]
        # A strip of extreme proportions: its resized form could take gigabytes of which one square is kept.
        sx, sy = self.scale
        box = (x0 / sx, y0 / sy, min(x1 / sx, image.width), min(y1 / sy, image.height))
        return np.asarray(image.resize((x1 - x0, y1 - y0), resample, box=box))

    def apply_plain_bilinear(self, image: Image.Image) -> np.ndarray:
        """As `apply`, but bilinear without antialias or rounding, float32 0..255: TensorFlow's (PixelLLM)."""
        import torch

        assert image.size == self.original[::-1], (image.size, self.original)
        pixels_HWC = torch.from_numpy(np.array(image))
        rows, columns = self._original_positions()
        pixels_HWC = _sample(_sample(pixels_HWC, rows, dim=0), columns, dim=1)
        return pixels_HWC.numpy()

    def mask_to_input(
        self, mask: np.ndarray, *, resample: Image.Resampling = Image.Resampling.NEAREST
    ) -> np.ndarray:
        """A bool mask of the original, on the canvas, False in the padding. BOX decides by majority."""
        grey = Image.fromarray(np.asarray(mask, dtype=bool).astype(np.uint8) * 255)
        canvas = np.zeros(self.canvas, dtype=bool)
        height, width = self.valid
        canvas[:height, :width] = self.apply(grey, resample=resample) >= 128
        return canvas

    # Coordinates --------------------------------------------------------------

    def points_to_input(self, points: Any) -> np.ndarray:
        """(..., 2) xy pixels of the original -> xy pixels of the canvas (outside it where a crop cuts)."""
        return np.asarray(points, dtype=np.float64).reshape(_shape(points, 2)) * self.scale + self.offset

    def points_to_original(self, points: Any, *, clip: bool = False) -> np.ndarray:
        """(..., 2) xy pixels of the canvas -> xy pixels of the original; `clip` keeps them on the picture."""
        points = (np.asarray(points, dtype=np.float64).reshape(_shape(points, 2)) - self.offset) / self.scale
        return np.clip(points, 0, self.original[::-1]) if clip else points

    def boxes_to_input(self, boxes: Any) -> np.ndarray:
        """(..., 4) xyxy pixels of the original -> of the canvas."""
        shape = _shape(boxes, 4)
        return self.points_to_input(np.asarray(boxes, dtype=np.float64).reshape(-1, 2)).reshape(shape)

    def boxes_to_original(self, boxes: Any, *, clip: bool = False) -> np.ndarray:
        """(..., 4) xyxy pixels of the canvas -> of the original; `clip` keeps them on the picture."""
        shape = _shape(boxes, 4)
        corners = np.asarray(boxes, dtype=np.float64).reshape(-1, 2)
        return self.points_to_original(corners, clip=clip).reshape(shape)

    # Masks back ---------------------------------------------------------------

    def masks_to_original(self, logits_Khw: torch.Tensor, *, via_canvas: bool = True) -> torch.Tensor:
        """Mask logits over the canvas, at any resolution, -> float32 logits (K, H, W) of the original.

        In the order of the published code: bilinear to the canvas, cut to the valid area, bilinear to the
        original. `via_canvas=False` skips the first step and cuts at the logits' own resolution (PixelLLM).
        """
        import torch

        pieces = list(self.iter_masks_to_original(logits_Khw, via_canvas=via_canvas))
        return torch.cat(pieces) if pieces else logits_Khw.new_zeros((0, *self.original), dtype=torch.float32)

    def iter_masks_to_original(
        self, logits_Khw: torch.Tensor, *, chunk: int | None = None, via_canvas: bool = True
    ) -> Iterator[torch.Tensor]:
        """`masks_to_original` a few masks at a time, so that many on a large picture need little memory.

        `chunk` masks per step; by default as many as fit 64 million output pixels.
        """
        if chunk is None:
            chunk = max(
                1, 64_000_000 // max(self.original[0] * self.original[1], self.canvas[0] * self.canvas[1])
            )
        for piece_Khw in logits_Khw.split(chunk) if len(logits_Khw) else ():
            yield self._masks_to_original(piece_Khw.float(), via_canvas)

    def _masks_to_original(self, logits_Khw: torch.Tensor, via_canvas: bool) -> torch.Tensor:
        if via_canvas:
            logits_Khw = _interpolate(logits_Khw, self.canvas)
        if self._crops:
            return self._uncrop(logits_Khw)
        fraction = (logits_Khw.shape[1] / self.canvas[0], logits_Khw.shape[2] / self.canvas[1])
        height = max(1, int(self.valid[0] * fraction[0]))
        width = max(1, int(self.valid[1] * fraction[1]))
        return _interpolate(logits_Khw[:, :height, :width], self.original)

    def _uncrop(self, logits_Khw: torch.Tensor) -> torch.Tensor:
        import torch

        (sx, sy), (height, width) = self.scale, self.original
        fine_y, fine_x = logits_Khw.shape[1] / self.canvas[0], logits_Khw.shape[2] / self.canvas[1]
        y = (torch.arange(height, dtype=torch.float64) + 0.5) * sy + self.offset[1]
        x = (torch.arange(width, dtype=torch.float64) + 0.5) * sx + self.offset[0]
        logits_KHW = _sample(_sample(logits_Khw, y * fine_y - 0.5, dim=1), x * fine_x - 0.5, dim=2)
        logits_KHW[:, (y < 0) | (y > self.canvas[0])] = OUTSIDE_LOGIT
        logits_KHW[:, :, (x < 0) | (x > self.canvas[1])] = OUTSIDE_LOGIT
        return logits_KHW

    def _original_positions(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Row and column in the original (centres at whole numbers) of every pixel of the valid area.

        In float32 as TensorFlow has it: in float64 a pixel can differ by 1e-3 of 255.
        """
        import torch

        x0, y0, x1, y1 = self._window
        rows = (torch.arange(y0, y1) + 0.5) * (self.original[0] / self.resized[0]) - 0.5
        columns = (torch.arange(x0, x1) + 0.5) * (self.original[1] / self.resized[1]) - 0.5
        return rows, columns


def _shape(values: Any, last: int) -> tuple[int, ...]:
    shape = np.shape(values)
    if shape == (0,):
        return (0, last)
    assert shape[-1] == last, f"(..., {last}) expected, not {shape}"
    return shape


def _interpolate(logits_Khw: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    from torch.nn import functional as F

    return F.interpolate(logits_Khw[:, None], size, mode="bilinear", align_corners=False)[:, 0]


def _sample(values: torch.Tensor, positions: torch.Tensor, *, dim: int) -> torch.Tensor:
    """Linear interpolation of one dimension at fractional positions, the border repeated outside; float32."""
    import torch

    last = values.shape[dim] - 1
    positions = positions.to(values.device).clamp(0, last)
    low = positions.floor().long()
    weight = (positions - low).float().reshape([-1 if d == dim else 1 for d in range(values.ndim)])
    lower = values.index_select(dim, low).float()
    upper = values.index_select(dim, (low + 1).clamp(max=last)).float()
    return torch.lerp(lower, upper, weight)
