"""Surfaces that a scene is made of: wood, cloth, stone, tiles, grass, sand, water, plaster and the like.

A surface is asked for its colour at texture coordinates (u, v), so the same boards can lie flat in the
picture or run into the depth of a room.  One unit of u and v is the height of the picture at the nearest
edge.  Noise is read from tables made once, from fixed seeds: fresh noise is the dearest part of a scene.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

Array = np.ndarray
RGB = tuple[int, int, int]

CELLS = 256  # a table repeats after so many cells
_FINER = 4  # the cloud table has so many entries per cell, so that enlarged noise shows no squares


@lru_cache
def cloud_table() -> Array:
    """Tileable fractal noise, float32 in about -1..1: large soft blobs with finer ones on them."""
    return _shaped_noise(seed=1, falloff=1.7, finer=_FINER)


@lru_cache
def grain_table() -> Array:
    """Tileable noise of single pixels, float32 in about -1..1."""
    return _shaped_noise(seed=2, falloff=0.35, finer=1)


def cloud(u: Array, v: Array, rng: np.random.Generator) -> Array:
    """Soft noise at coordinates where one table cell is 1.0 wide; broadcasts u and v."""
    return _read(cloud_table(), u * _FINER, v * _FINER, rng)


def grain(u: Array, v: Array, rng: np.random.Generator) -> Array:
    """Fine noise, as `cloud`."""
    return _read(grain_table(), u, v, rng)


def flat_grid(height: int, width: int, unit: float) -> tuple[Array, Array]:
    """u (1, width) and v (height, 1) of a surface seen straight on; `unit` pixels are 1.0."""
    u = np.arange(width, dtype=np.float32)[None, :] / unit
    v = np.arange(height, dtype=np.float32)[:, None] / unit
    return u, v


def ground_grid(
    top: int, bottom: int, width: int, *, horizon: float, unit: float
) -> tuple[Array, Array, Array]:
    """u (h, width), v (h, 1) of a level ground from row `top` to row `bottom`, and the nearness of each row:
    1.0 at the bottom row, 0 at the horizon.  `horizon` is in rows, above `top`."""
    rows = np.arange(top, bottom, dtype=np.float32)[:, None] + 0.5
    near = (rows - horizon) / (bottom - horizon)
    u = (np.arange(width, dtype=np.float32)[None, :] - 0.5 * width) / unit / near
    return u, 0.8 / near, near


def _read(table: Array, u: Array, v: Array, rng: np.random.Generator) -> Array:
    size = len(table)
    down, right = (rng.integers(size, size=2) + 16 * size).tolist()  # keeps negative coordinates above zero
    i = (np.asarray(v, np.float32) + down).astype(np.int32) & (size - 1)
    j = (np.asarray(u, np.float32) + right).astype(np.int32) & (size - 1)
    return table[i, j]


def _shaped_noise(*, seed: int, falloff: float, finer: int) -> Array:
    spectrum = np.fft.rfft2(np.random.default_rng(seed).standard_normal((CELLS, CELLS)))
    frequency = np.hypot(np.fft.fftfreq(CELLS)[:, None], np.fft.rfftfreq(CELLS)[None, :])
    frequency[0, 0] = np.inf  # no constant part
    spectrum /= frequency**falloff
    size, half = CELLS * finer, CELLS // 2
    padded = np.zeros((size, size // 2 + 1), complex)
    padded[:half, : half + 1], padded[-half:, : half + 1] = spectrum[:half], spectrum[half:]
    shaped = np.fft.irfft2(padded, s=(size, size))
    return np.clip(shaped / (2 * shaped.std()), -1, 1).astype(np.float32)


# ------------------------------------------------------------------------------------------ the surfaces
#
# Each takes u, v, detail and rng and returns (light, blend): the factor on the colour, and how much of the
# second colour shows.  `detail` (0..1, per row) fades patterns that are too far away to be seen.

Pattern = Callable[[Array, Array, Array | float, np.random.Generator], tuple[Array, Array | float]]


def _plain(u: Array, v: Array, detail: Array | float, rng: np.random.Generator) -> tuple[Array, float]:
    return 1 + 0.05 * cloud(u * 90, v * 90, rng) + 0.02 * grain(u * 190, v * 190, rng), 0.0


def _boards(u: Array, v: Array, detail: Array | float, rng: np.random.Generator) -> tuple[Array, float]:
    if rng.random() < 0.4:
        u, v = v, u
    board = v / rng.uniform(0.09, 0.3)
    index = np.floor(board)
    edge = np.abs(board - index - 0.5)
    tint = 0.14 * rng.uniform(0.2, 1) * np.sin(index * 12.9898 + 4)
    lines = grain(u * 14 + index * 37, v * 150, rng) * 0.09 + cloud(u * 40 + index * 53, v * 240, rng) * 0.12
    seam = 0.35 * np.clip((edge - 0.47) / 0.03, 0, 1)
    return 1 + tint + (lines - seam) * detail, 0.0


def _one_board(u: Array, v: Array, detail: Array | float, rng: np.random.Generator) -> tuple[Array, float]:
    if rng.random() < 0.3:
        u, v = v, u
    bend = 0.05 * cloud(u * 60, v * 60, rng)
    rings = np.sin((v + bend) * rng.uniform(40, 90)) * 0.06
    return 1 + (rings + 0.08 * grain(u * 12, v * 170, rng)) * detail + 0.06 * cloud(u * 50, v * 50, rng), 0.0


def _weave(u: Array, v: Array, detail: Array | float, rng: np.random.Generator) -> tuple[Array, float]:
    threads = np.sin(u * 420) * np.sin(v * 420)
    return 1 + 0.06 * threads * detail + 0.07 * cloud(u * 60, v * 60, rng), 0.0


def _checked_cloth(
    u: Array, v: Array, detail: Array | float, rng: np.random.Generator
) -> tuple[Array, Array]:
    period = rng.uniform(0.06, 0.2)
    across, along = np.sin(u * 2 * np.pi / period) > 0, np.sin(v * 2 * np.pi / period) > 0
    checks = 0.5 * across + 0.5 * along
    return 1 + 0.05 * grain(u * 150, v * 150, rng) + 0.06 * cloud(u * 50, v * 50, rng), checks * detail


def _striped(u: Array, v: Array, detail: Array | float, rng: np.random.Generator) -> tuple[Array, Array]:
    across = u if rng.random() < 0.7 else v
    phase = across / rng.uniform(0.05, 0.25)
    stripes = (phase - np.floor(phase) < rng.uniform(0.2, 0.5)) * np.ones_like(u + v)
    return 1 + 0.04 * cloud(u * 70, v * 70, rng), stripes * detail * rng.uniform(0.4, 1)


def _marble(u: Array, v: Array, detail: Array | float, rng: np.random.Generator) -> tuple[Array, Array]:
    field = cloud(u * 70, v * 70, rng)
    veins = np.clip(1 - np.abs(field) * rng.uniform(8, 16), 0, 1)
    return 1 + 0.06 * cloud(u * 120, v * 120, rng), veins * 0.6


def _speckled(u: Array, v: Array, detail: Array | float, rng: np.random.Generator) -> tuple[Array, Array]:
    specks = (grain(u * 170, v * 170, rng) > rng.uniform(0.45, 0.75)) * 0.5
    return 1 + 0.06 * grain(u * 190, v * 190, rng) + 0.05 * cloud(u * 60, v * 60, rng), specks * detail


def _tiles(u: Array, v: Array, detail: Array | float, rng: np.random.Generator) -> tuple[Array, Array]:
    size = rng.uniform(0.14, 0.42)
    x, y = u / size, v / size
    i, j = np.floor(x), np.floor(y)
    joint = np.maximum(np.abs(x - i - 0.5), np.abs(y - j - 0.5)) > 0.47
    light = 1 + 0.05 * np.sin(i * 7.3 + j * 12.9) + 0.04 * cloud(u * 90, v * 90, rng) - 0.25 * joint * detail
    checkered = ((i + j) % 2) * (1.0 if rng.random() < 0.35 else 0.0)
    return light, checkered * (0.35 + 0.65 * detail)


def _bricks(u: Array, v: Array, detail: Array | float, rng: np.random.Generator) -> tuple[Array, Array]:
    height = rng.uniform(0.045, 0.08)
    y = v / height
    j = np.floor(y)
    x = u / (2.4 * height) + 0.5 * (j % 2)
    i = np.floor(x)
    mortar = (np.abs(x - i - 0.5) > 0.46) | (np.abs(y - j - 0.5) > 0.42)
    light = 1 + 0.1 * np.sin(i * 17.1 + j * 5.7) + 0.08 * grain(u * 150, v * 150, rng)
    return light, mortar * 0.75 * detail


def _tufts(u: Array, v: Array, detail: Array | float, rng: np.random.Generator) -> tuple[Array, Array]:
    blades = grain(u * 120, v * 42, rng) * 0.16 * (0.3 + 0.7 * detail)
    patches = np.clip(0.5 + 0.6 * cloud(u * 40, v * 40, rng), 0, 1)
    return 1 + blades + 0.08 * cloud(u * 110, v * 110, rng), patches


def _grains(u: Array, v: Array, detail: Array | float, rng: np.random.Generator) -> tuple[Array, Array]:
    light = 1 + 0.09 * grain(u * 170, v * 170, rng) * detail + 0.08 * cloud(u * 60, v * 60, rng)
    return light, np.clip(0.4 * cloud(u * 35, v * 35, rng), 0, 1)


def _slabs(u: Array, v: Array, detail: Array | float, rng: np.random.Generator) -> tuple[Array, float]:
    size = rng.uniform(0.25, 0.5)
    x, y = u / size, v / (0.7 * size)
    i, j = np.floor(x), np.floor(y)
    joint = np.maximum(np.abs(x - i - 0.5), np.abs(y - j - 0.5)) > 0.475
    light = 1 + 0.04 * np.sin(i * 9.1 + j * 4.7) + 0.05 * grain(u * 170, v * 170, rng) * detail
    return light - 0.18 * joint * detail, 0.0


def _ripples(u: Array, v: Array, detail: Array | float, rng: np.random.Generator) -> tuple[Array, Array]:
    waves = cloud(u * 30, v * 220, rng)
    return 1 + 0.12 * waves, np.clip(1.6 * waves - 0.4, 0, 0.7)


def _dots(u: Array, v: Array, detail: Array | float, rng: np.random.Generator) -> tuple[Array, Array]:
    period = rng.uniform(0.05, 0.12)
    dots = np.sin(u * 2 * np.pi / period) * np.sin(v * 2 * np.pi / period) > rng.uniform(0.6, 0.85)
    return 1 + 0.04 * cloud(u * 80, v * 80, rng), dots * rng.uniform(0.3, 0.8)


def _panels(u: Array, v: Array, detail: Array | float, rng: np.random.Generator) -> tuple[Array, float]:
    x = u / rng.uniform(0.08, 0.2)
    groove = np.abs(x - np.floor(x) - 0.5) > 0.46
    return 1 - 0.14 * groove + 0.04 * cloud(u * 70, v * 70, rng), 0.0


def _blotches(u: Array, v: Array, detail: Array | float, rng: np.random.Generator) -> tuple[Array, Array]:
    scale = rng.uniform(15, 70)
    return 1 + 0.1 * cloud(u * scale, v * scale, rng), np.clip(0.5 + 1.2 * cloud(u * 30, v * 30, rng), 0, 1)


_WOODS: tuple[RGB, ...] = (
    (176, 126, 76),
    (146, 96, 56),
    (206, 166, 116),
    (104, 68, 44),
    (222, 194, 154),
    (84, 60, 48),
)
_LIGHT: tuple[RGB, ...] = (
    (232, 228, 220),
    (214, 206, 196),
    (238, 232, 214),
    (204, 210, 212),
    (226, 216, 222),
)
_PASTEL: tuple[RGB, ...] = (
    (226, 218, 200),
    (196, 212, 216),
    (214, 222, 200),
    (232, 208, 196),
    (206, 200, 222),
    (240, 226, 178),
    (176, 194, 186),
    (200, 178, 160),
    (150, 164, 178),
    (128, 142, 128),
    (168, 120, 108),
    (96, 108, 126),
)
_CLOTH: tuple[RGB, ...] = (
    (236, 232, 224),
    (96, 116, 150),
    (160, 76, 76),
    (112, 140, 110),
    (220, 196, 150),
    (70, 76, 88),
    (198, 160, 176),
    (180, 188, 196),
)
_STONE: tuple[RGB, ...] = (
    (188, 186, 180),
    (150, 148, 146),
    (98, 98, 102),
    (214, 206, 194),
    (172, 158, 142),
    (62, 64, 68),
)

# name in words -> patterns it may have, base colours, second colours
SURFACES: dict[str, tuple[tuple[Pattern, ...], tuple[RGB, ...], tuple[RGB, ...]]] = {
    "wooden table": ((_boards, _one_board, _one_board), _WOODS, _WOODS),
    "tablecloth": ((_weave, _checked_cloth, _striped, _dots), _CLOTH, _LIGHT),
    "stone worktop": ((_marble, _speckled, _speckled), _STONE, _STONE),
    "desk": ((_plain, _plain, _grains), (*_LIGHT, (70, 74, 82), (120, 100, 84)), _LIGHT),
    "wooden floor": ((_boards,), _WOODS, _WOODS),
    "tiled floor": ((_tiles,), _STONE + _LIGHT, _LIGHT + _STONE),
    "carpet": ((_grains, _weave, _blotches), _CLOTH + _PASTEL, _PASTEL),
    "stone floor": ((_slabs, _speckled), _STONE, _STONE),
    "wall": ((_plain, _plain, _plain, _striped, _dots, _panels), _PASTEL + _LIGHT, _LIGHT),
    "brick wall": (
        (_bricks,),
        ((170, 98, 76), (190, 130, 104), (200, 196, 188), (128, 74, 62)),
        ((200, 194, 184),),
    ),
    "tiled wall": ((_tiles,), (*_LIGHT, (168, 198, 202), (196, 206, 180)), _PASTEL),
    "grass": (
        (_tufts,),
        ((96, 138, 58), (120, 152, 74), (76, 118, 52), (142, 150, 80)),
        ((128, 158, 78), (84, 122, 50), (164, 160, 96)),
    ),
    "sand": ((_grains,), ((222, 200, 156), (206, 182, 136), (232, 214, 178)), ((196, 170, 124),)),
    "snow": ((_grains,), ((236, 240, 246), (222, 230, 240)), ((206, 218, 234),)),
    "earth": (
        (_grains, _tufts),
        ((140, 106, 76), (158, 124, 88), (116, 88, 66)),
        ((116, 110, 64), (170, 140, 104)),
    ),
    "pavement": (
        (_slabs, _speckled),
        ((178, 174, 168), (156, 154, 152), (196, 186, 172)),
        ((140, 138, 134),),
    ),
    "road": ((_grains, _speckled), ((92, 92, 96), (112, 110, 110), (74, 76, 82)), ((126, 124, 122),)),
    "water": (
        (_ripples,),
        ((74, 118, 152), (92, 140, 160), (60, 98, 128), (110, 156, 170)),
        ((176, 206, 222),),
    ),
    "plain background": ((_plain,), _PASTEL + _LIGHT + _CLOTH, _LIGHT),
    "textured background": (
        (_blotches, _blotches, _striped, _dots, _tiles, _speckled, _checked_cloth, _marble),
        _PASTEL + _CLOTH + _STONE,
        _PASTEL + _CLOTH + _LIGHT,
    ),
}


def paint(name: str, u: Array, v: Array, rng: np.random.Generator, *, detail: Array | float = 1.0) -> Array:
    """The colours (float32, 0..255, height x width x 3) of the named surface at u, v."""
    patterns, bases, seconds = SURFACES[name]
    light, blend = patterns[rng.integers(len(patterns))](u, v, detail, rng)
    base, second = vary(bases[rng.integers(len(bases))], rng), vary(seconds[rng.integers(len(seconds))], rng)
    light, blend = np.asarray(light, np.float32), np.asarray(blend, np.float32)
    colors = np.empty((*np.broadcast_shapes(u.shape, v.shape), 3), np.float32)
    for channel in range(3):  # one by one: numpy is slow along an axis of three
        first, difference = base[channel], second[channel] - base[channel]
        colors[..., channel] = light * (first + blend * difference)
    return colors


def vary(color: RGB, rng: np.random.Generator) -> Array:
    """The colour a little lighter or darker and a little off in hue, float32."""
    return (np.asarray(color, np.float32) * rng.uniform(0.85, 1.1) + rng.normal(0, 6, 3)).astype(np.float32)
