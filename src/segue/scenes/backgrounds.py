"""The stage of a scene: walls, floors, tables, skies, hills, roads and water, and where things may stand.

Nothing drawn here is an object: there are no things in the distance that could be taken for a kind, only
surfaces, light, haze and blocks of far-off city.  A stage says which rows a foot may stand on (`zones`) and
where the horizon is, from which the composer derives how large a thing looks there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from segue.scenes import textures
from segue.scenes.textures import RGB, SURFACES, Array, vary

Zone = tuple[float, float]


@dataclass(frozen=True)
class Stage:
    """An empty scene.  Heights are fractions of the picture's height, 0 at the top."""

    pixels: Array
    """float32, height x width x 3, 0..255; the composer paints on it."""
    surface: str
    zones: dict[str, Zone]
    """Rows for the foot of things on `ground`, `road`, `far`, `water`; for their middle on `wall`, `sky`."""
    horizon: float
    """Where things on the ground would shrink to nothing; may lie above the picture."""
    reference: float
    """The row on which a foot stands at medium distance."""
    top_down: bool = False
    """Seen from above, so that long flat things may lie at any angle."""
    haze: Array | None = None
    """The colour that far things fade to, outdoors."""
    sunny: bool = False
    """Whether things throw long shadows."""


def make_stage(
    setting: str, rng: np.random.Generator, *, width: int, height: int, needs: frozenset[str]
) -> Stage:
    """An empty scene of the setting.  `needs` are the zones that its things ask for, such as `water`."""
    builders = {
        "indoor": _indoor,
        "table-top": _table_top,
        "street": _street,
        "landscape": _landscape,
        "loose": _loose,
    }
    return builders[setting](rng, width, height, needs)


# ------------------------------------------------------------------------------------------------ indoors


def _indoor(rng: np.random.Generator, width: int, height: int, needs: frozenset[str]) -> Stage:
    pixels = np.empty((height, width, 3), np.float32)
    edge = rng.uniform(0.48, 0.62)
    split = round(edge * height)
    horizon = rng.uniform(-0.1, 0.15)
    _paint_wall(pixels[:split], rng, unit=height)
    floor = ("wooden floor", "wooden floor", "tiled floor", "carpet", "stone floor")[rng.integers(5)]
    _paint_ground(pixels, floor, rng, top=split, horizon=horizon * height)
    if rng.random() < 0.45:
        _side_wall(pixels, rng, split)
    if rng.random() < (0.12 if "wall" in needs else 0.45):  # or a clock may hang before the glass
        _window(pixels, rng, split)
    if rng.random() < 0.7:
        board = max(1, round(rng.uniform(0.012, 0.03) * height))
        pixels[split - board : split] = vary((225, 220, 212) if rng.random() < 0.6 else (120, 90, 66), rng)
    if floor != "carpet" and rng.random() < 0.35:
        _rug(pixels, rng, split)
    _shade_rows(pixels, split - round(0.04 * height), split + round(0.05 * height), 0.12)
    zones = {"ground": (edge + 0.06, 1.03), "wall": (0.1, max(0.16, edge - 0.26))}
    return Stage(pixels, floor, zones, horizon, reference=0.86)


def _paint_wall(region: Array, rng: np.random.Generator, *, unit: int) -> None:
    height, width = region.shape[:2]
    name = ("wall", "wall", "wall", "wall", "brick wall", "tiled wall")[rng.integers(6)]
    region[:] = textures.paint(name, *textures.flat_grid(height, width, unit), rng)


def _paint_ground(
    pixels: Array, name: str, rng: np.random.Generator, *, top: int, horizon: float, bottom: int | None = None
) -> None:
    """Paint rows `top` to `bottom` with a level ground that runs towards the horizon (in rows)."""
    height, width = pixels.shape[:2]
    bottom = height if bottom is None else bottom
    if bottom <= top:
        return
    u, v, near = textures.ground_grid(top, bottom, width, horizon=min(horizon, top - 1), unit=height)
    detail = np.clip(1.6 * near - 0.25, 0, 1)
    pixels[top:bottom] = textures.paint(name, u, v, rng, detail=detail)


def _side_wall(pixels: Array, rng: np.random.Generator, split: int) -> None:
    """A second wall, seen at an angle: all that lies beyond its edge is a little darker or lighter."""
    width = pixels.shape[1]
    corner = rng.uniform(0.08, 0.25) * width
    slope = rng.uniform(0.6, 1.4)
    x = np.arange(width, dtype=np.float32)[None, :]
    rows = np.arange(pixels.shape[0], dtype=np.float32)[:, None]
    beyond = x < corner - np.maximum(0, rows - split) * slope
    if rng.random() < 0.5:
        beyond = beyond[:, ::-1]
    factor = rng.uniform(0.78, 0.92) if rng.random() < 0.7 else rng.uniform(1.04, 1.1)
    base = pixels[split // 2, width // 2].copy()
    pixels[beyond] = (pixels[beyond] * 0.3 + base * 0.7) * factor


def _window(pixels: Array, rng: np.random.Generator, split: int) -> None:
    """A bright window in the wall: frame, panes, something green or blue far outside."""
    height, width = pixels.shape[:2]
    w, h = round(rng.uniform(0.18, 0.34) * width), round(rng.uniform(0.5, 0.75) * split)
    x, y = int(rng.integers(0, max(1, width - w))), int(rng.integers(0, max(1, split - h - 4)))
    frame = max(2, round(0.014 * height))
    ramp = np.linspace(0, 1, h, dtype=np.float32)[:, None, None]
    sky, far = (
        vary((206, 226, 244), rng),
        vary(((170, 196, 160), (190, 196, 204), (222, 214, 200))[rng.integers(3)], rng),
    )
    view = np.repeat(sky + (far - sky) * np.clip(3 * (ramp - rng.uniform(0.3, 0.7)), 0, 1), w, axis=1)
    wood = vary((236, 234, 228) if rng.random() < 0.7 else (128, 94, 66), rng)
    # At least one bar in the middle: a window without bars would look like a painting.
    columns = np.linspace(0, w - frame, int(rng.integers(3, 5))).astype(int)
    rows = np.linspace(0, h - frame, int(rng.integers(2, 4))).astype(int)
    for column in columns:
        view[:, column : column + frame] = wood
    for row in rows:
        view[row : row + frame] = wood
    pixels[y : y + h, x : x + w] = view


def _rug(pixels: Array, rng: np.random.Generator, split: int) -> None:
    """A flat coloured shape on the floor, wider towards the viewer."""
    height, width = pixels.shape[:2]
    top, bottom = (
        split + round(rng.uniform(0.1, 0.2) * (height - split)),
        height - round(rng.uniform(0, 0.12) * height),
    )
    if bottom - top < 4:
        return
    rows = np.arange(top, bottom, dtype=np.float32)[:, None]
    middle = rng.uniform(0.35, 0.65) * width
    half = rng.uniform(0.22, 0.4) * width * (0.75 + 0.25 * (rows - top) / (bottom - top))
    x = np.abs(np.arange(width, dtype=np.float32)[None, :] - middle)
    u, v = textures.flat_grid(bottom - top, width, height)
    cloth = textures.paint("carpet", u, v * 1.6, rng)
    border = vary((230, 220, 200), rng)
    cloth = np.where((x > half - 0.03 * width)[..., None], 0.5 * cloth + 0.5 * border, cloth)
    region = pixels[top:bottom]
    np.copyto(region, cloth, where=(x < half)[..., None])


def _shade_rows(pixels: Array, top: int, bottom: int, strength: float) -> None:
    """Darken softly around a crease, deepest in its middle row."""
    ramp = 1 - np.abs(np.linspace(-1, 1, bottom - top, dtype=np.float32))
    pixels[top:bottom] *= (1 - strength * ramp)[:, None, None]


# ---------------------------------------------------------------------------------------------- table-top


def _table_top(rng: np.random.Generator, width: int, height: int, needs: frozenset[str]) -> Stage:
    surface = ("wooden table", "wooden table", "tablecloth", "stone worktop", "desk")[rng.integers(5)]
    pixels = np.empty((height, width, 3), np.float32)
    if "wall" not in needs and rng.random() < 0.4:  # looking down: nothing but the table
        pixels[:] = textures.paint(surface, *textures.flat_grid(height, width, height), rng)
        return Stage(pixels, surface, {"ground": (0.2, 1.02)}, -1.2, reference=0.65, top_down=True)
    edge = rng.uniform(0.2, 0.42)
    split = round(edge * height)
    horizon = rng.uniform(-0.7, -0.2)
    _paint_wall(pixels[:split], rng, unit=height)
    if rng.random() < 0.4:
        _window(pixels, rng, split)
    if rng.random() < 0.75:  # out of focus
        blurred = Image.fromarray(np.clip(pixels[:split], 0, 255).astype(np.uint8))
        blurred = blurred.filter(ImageFilter.BoxBlur(rng.uniform(0.008, 0.03) * height))
        pixels[:split] = np.asarray(blurred, np.float32) * rng.uniform(0.75, 1.02)
    _paint_ground(pixels, surface, rng, top=split, horizon=horizon * height)
    lip = max(1, round(rng.uniform(0.004, 0.02) * height))
    pixels[split : split + lip] *= rng.uniform(0.6, 1.15)
    _shade_rows(pixels, split - round(0.05 * height), split, 0.15)
    return Stage(
        pixels, surface, {"ground": (edge + 0.1, 1.02), "wall": (0.08, edge * 0.6)}, horizon, reference=0.75
    )


# ----------------------------------------------------------------------------------------------- outdoors


@dataclass(frozen=True)
class _Sky:
    top: RGB
    low: RGB
    cloud: RGB
    cover: float
    sunny: bool


_SKIES = (
    _Sky((96, 150, 216), (196, 220, 240), (250, 250, 250), 0.3, True),
    _Sky((70, 128, 204), (168, 204, 236), (250, 250, 250), 0.1, True),
    _Sky((130, 172, 220), (220, 228, 232), (244, 244, 246), 0.55, True),
    _Sky((176, 184, 194), (214, 216, 218), (232, 232, 234), 0.9, False),
    _Sky((138, 148, 164), (192, 196, 202), (116, 124, 138), 0.7, False),
    _Sky((112, 132, 190), (248, 196, 150), (250, 214, 190), 0.45, True),
    _Sky((70, 78, 124), (228, 150, 120), (150, 110, 130), 0.5, False),
)


def _paint_sky(pixels: Array, rng: np.random.Generator, *, bottom: int) -> tuple[Array, bool]:
    """Paint the rows above `bottom`; give the haze at its foot, and whether the sun is out."""
    height, width = pixels.shape[:2]
    sky = _SKIES[rng.integers(len(_SKIES))]
    top, low, white = vary(sky.top, rng), vary(sky.low, rng), np.asarray(sky.cloud, np.float32)
    ramp = (np.linspace(0, 1, bottom, dtype=np.float32) ** rng.uniform(0.7, 1.4))[:, None, None]
    colors = np.repeat(top + (low - top) * ramp, width, axis=1)
    if rng.random() < 0.85:
        u, v = textures.flat_grid(bottom, width, height)
        scale, stretch = rng.uniform(25, 60), rng.uniform(1.5, 3.5)
        field = textures.cloud(u * scale, v * scale * stretch, rng)
        puffs = np.clip((field + 1.1 * sky.cover - 0.45) * rng.uniform(1.2, 3), 0, 1) * rng.uniform(0.5, 0.95)
        colors += puffs[..., None] * (white - colors)
    pixels[:bottom] = colors
    return low, sky.sunny


def _paint_hills(pixels: Array, rng: np.random.Generator, *, foot: int, haze: Array) -> None:
    """One to three ridges whose feet are at row `foot`, the farthest palest."""
    height, width = pixels.shape[:2]
    x = np.arange(width, dtype=np.float32) / height
    count = int(rng.integers(1, 4))
    green = vary(((86, 116, 78), (110, 124, 84), (124, 112, 92), (96, 108, 124))[rng.integers(4)], rng)
    for layer in range(count):
        near = (layer + 1) / count
        waves = sum(
            rng.uniform(0.3, 1)
            / frequency
            * np.sin(x * frequency * rng.uniform(1.4, 2.6) + rng.uniform(0, 6.3))
            for frequency in (1, 2, 4, 9)
        )
        ridge = foot - height * np.clip((0.05 + 0.05 * waves) * (1.7 - near) + 0.02, 0.008, 0.28)
        top = max(0, int(ridge.min()))
        if top >= foot:
            continue
        rows = np.arange(top, foot, dtype=np.float32)[:, None]
        inside = np.clip(rows - ridge[None, :] + 0.5, 0, 1)[..., None]
        u, v = textures.flat_grid(foot - top, width, height)
        bumps = 1 + 0.1 * near * textures.cloud(u * 110, v * 170, rng)
        color = haze + (green - haze) * (0.25 + 0.6 * near)
        region = pixels[top:foot]
        region += inside * (bumps[..., None] * color - region)


def _landscape(rng: np.random.Generator, width: int, height: int, needs: frozenset[str]) -> Stage:
    pixels = np.empty((height, width, 3), np.float32)
    skyline = rng.uniform(0.3, 0.45) + (0.12 if "sky" in needs and rng.random() < 0.6 else 0)
    split = round(skyline * height)
    haze, sunny = _paint_sky(pixels, rng, bottom=split)
    if rng.random() < 0.85:
        _paint_hills(pixels, rng, foot=split, haze=haze)
    horizon = skyline - rng.uniform(0.12, 0.3)
    ground = ("grass", "grass", "grass", "earth", "sand", "snow")[rng.integers(6)]
    _paint_ground(pixels, ground, rng, top=split, horizon=horizon * height)
    _fade_far(pixels, split, round(split + 0.2 * height), haze, rng.uniform(0.1, 0.45))
    zones = {
        "ground": (skyline + 0.1, 1.03),
        "far": (skyline + 0.06, skyline + 0.24),
        "sky": (0.06, skyline * 0.75),
    }
    if "water" in needs or rng.random() < 0.25:
        _water(pixels, rng, zones, skyline=skyline, horizon=horizon, haze=haze)
    elif rng.random() < 0.3:
        _path(pixels, rng, split)
    return Stage(pixels, ground, zones, horizon, reference=0.84, haze=haze, sunny=sunny)


def _water(
    pixels: Array,
    rng: np.random.Generator,
    zones: dict[str, Zone],
    *,
    skyline: float,
    horizon: float,
    haze: Array,
) -> None:
    """A lake behind the near ground, or the sea before a beach; narrows the zone of the ground."""
    height, width = pixels.shape[:2]
    near = rng.random() < 0.35  # the water is in front
    # The strip of ground behind near water stays wide enough to stand on, however high the skyline.
    shore_line = max(rng.uniform(0.66, 0.74), skyline + 0.2) if near else skyline
    start, stop = shore_line, 1.0 if near else skyline + rng.uniform(0.2, 0.36)
    top, bottom = round(start * height), round(stop * height)
    wave = textures.cloud(np.arange(width)[None, :] / height * 60, np.zeros((1, 1)), rng)[0]
    swing = np.round(wave * 0.02 * height).astype(int)
    behind = pixels.copy()
    _paint_ground(pixels, "water", rng, top=top, bottom=bottom, horizon=horizon * height)
    pixels[top:bottom] += 0.25 * (haze - pixels[top:bottom])
    rows = np.arange(height)[:, None]
    shore = top if near else bottom
    dry = (rows < shore + swing[None, :]) if near else (rows > shore + swing[None, :] - 0.02 * height)
    np.copyto(pixels, behind, where=dry[..., None])
    foam = np.abs(rows - shore - swing[None, :] + (0 if near else 0.02 * height)) < 0.006 * height
    pixels[foam] = 0.5 * pixels[foam] + 0.5 * np.float32(235)
    zones["water"] = (start + 0.08, min(stop - 0.03, 1.0))
    zones["ground"] = (zones["ground"][0], start - 0.02) if near else (min(stop + 0.05, 0.95), 1.03)
    if not near:
        del zones["far"]


def _path(pixels: Array, rng: np.random.Generator, split: int) -> None:
    """A winding way of trodden earth from the viewer into the distance."""
    height, width = pixels.shape[:2]
    rows = np.arange(split, height, dtype=np.float32)[:, None]
    along = (rows - split) / (height - split)
    middle = width * (
        rng.uniform(0.3, 0.7) + rng.uniform(-0.3, 0.3) * along + 0.08 * np.sin(along * rng.uniform(2, 6))
    )
    half = width * (0.008 + rng.uniform(0.06, 0.16) * along**1.4)
    x = np.arange(width, dtype=np.float32)[None, :]
    inside = np.clip(0.5 + (half - np.abs(x - middle)) / (0.02 * height), 0, 1)[..., None] * 0.85
    u, v, near = textures.ground_grid(split, height, width, horizon=split - 0.2 * height, unit=height)
    earth = textures.paint("earth" if rng.random() < 0.6 else "road", u, v, rng, detail=near)
    region = pixels[split:]
    region += inside * (earth - region)


def _fade_far(pixels: Array, top: int, bottom: int, haze: Array, strength: float) -> None:
    bottom = min(bottom, len(pixels))
    ramp = (strength * np.linspace(1, 0, bottom - top, dtype=np.float32))[:, None, None]
    region = pixels[top:bottom]
    region += ramp * (haze - region)


def _street(rng: np.random.Generator, width: int, height: int, needs: frozenset[str]) -> Stage:
    pixels = np.empty((height, width, 3), np.float32)
    far = rng.uniform(0.42, 0.52)  # where the far pavement begins
    curb = far + rng.uniform(0.07, 0.12)
    near = curb + rng.uniform(0.22, 0.3)
    horizon = far - rng.uniform(0.3, 0.45)
    rows = [round(y * height) for y in (far, curb, near)]
    haze, sunny = _paint_sky(pixels, rng, bottom=rows[0])
    style = rng.random()
    if style < 0.55:
        _skyline(pixels, rng, foot=rows[0], haze=haze)
    elif style < 0.75:
        _paint_hills(pixels, rng, foot=rows[0], haze=haze)
    else:
        _long_wall(pixels, rng, foot=rows[0])
    walk = "grass" if rng.random() < 0.25 else "pavement"
    h = horizon * height
    _paint_ground(pixels, walk, rng, top=rows[0], bottom=rows[1], horizon=h)
    _paint_ground(pixels, "road", rng, top=rows[1], bottom=rows[2], horizon=h)
    _paint_ground(pixels, "pavement", rng, top=rows[2], horizon=h)
    _lane_marks(pixels, rng, rows[1], rows[2])
    for row in rows[1:]:  # kerbs
        thick = max(1, round(0.012 * height))
        pixels[row - thick // 2 : row - thick // 2 + thick] = vary((196, 194, 188), rng)
    zones = {
        "ground": (near + 0.06, 1.03),
        "road": (curb + 0.07, near - 0.01),
        "far": (far + 0.01, curb - 0.01),
        "sky": (0.06, far * 0.6),
    }
    return Stage(pixels, "pavement", zones, horizon, reference=0.84, haze=haze, sunny=sunny)


def _skyline(pixels: Array, rng: np.random.Generator, *, foot: int, haze: Array) -> None:
    """Blocks of far-off city, flat-roofed and pale, with or without rows of windows."""
    height, width = pixels.shape[:2]
    x, pale = -int(rng.integers(0, 20)), rng.uniform(0.35, 0.65)
    while x < width:
        w = max(6, round(rng.uniform(0.08, 0.28) * height))
        top = max(0, foot - round(rng.uniform(0.1, 0.42) * height))
        left, right = max(0, x), min(width, x + w)
        x += w
        if right - left < 2 or rng.random() < 0.12:
            continue
        color = vary(
            ((150, 120, 104), (176, 168, 156), (120, 126, 138), (196, 180, 156))[rng.integers(4)], rng
        )
        color = color + (haze - color) * pale
        block = pixels[top:foot, left:right]
        block[:] = color
        if rng.random() < 0.7:
            step = max(4, round(rng.uniform(0.035, 0.06) * height))
            rows = np.arange(foot - top)[:, None] % step
            columns = np.arange(right - left)[None, :] % step
            panes = (rows >= step * 0.4) & (columns >= step * 0.4)
            block[panes] = color * rng.uniform(0.82, 0.94)


def _long_wall(pixels: Array, rng: np.random.Generator, *, foot: int) -> None:
    """A wall along the street, from side to side."""
    height, width = pixels.shape[:2]
    top = foot - round(rng.uniform(0.12, 0.3) * height)
    name = ("brick wall", "wall", "stone floor")[rng.integers(3)]
    pixels[top:foot] = textures.paint(name, *textures.flat_grid(foot - top, width, height), rng)
    pixels[top : top + max(1, round(0.012 * height))] *= 0.8


def _lane_marks(pixels: Array, rng: np.random.Generator, top: int, bottom: int) -> None:
    height, width = pixels.shape[:2]
    if rng.random() < 0.25:
        return
    row, thick = round(top + 0.45 * (bottom - top)), max(1, round(0.011 * height))
    dash = rng.uniform(0.12, 0.3) * height
    x = np.arange(width) + rng.uniform(0, dash)
    on = (x / dash) % 1 < (0.55 if rng.random() < 0.8 else 1.1)
    stripe = pixels[row : row + thick]
    stripe[:, on] = 0.25 * stripe[:, on] + 0.75 * vary((236, 232, 214), rng)


# -------------------------------------------------------------------------------------------------- loose


def _loose(rng: np.random.Generator, width: int, height: int, needs: frozenset[str]) -> Stage:
    """A neutral or patterned background, or any surface seen straight on."""
    pixels = np.empty((height, width, 3), np.float32)
    choice = rng.random()
    grid = textures.flat_grid(height, width, height)
    if choice < 0.25:
        surface = "plain background"
        corners = rng.uniform(30, 245, (2, 2, 3)) if rng.random() < 0.5 else rng.uniform(150, 245, (2, 2, 3))
        colors = corners.mean((0, 1)) + (corners - corners.mean((0, 1))) * rng.uniform(0, 0.7)
        across = np.linspace(0, 1, width, dtype=np.float32)[None, :, None]
        along = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
        upper = colors[0, 0] + (colors[0, 1] - colors[0, 0]) * across
        lower = colors[1, 0] + (colors[1, 1] - colors[1, 0]) * across
        pixels[:] = upper + (lower - upper) * along
    elif choice < 0.75:
        surface = "plain background" if choice < 0.4 else "textured background"
        pixels[:] = textures.paint(surface, *grid, rng)
    else:
        names = sorted(SURFACES)
        pixels[:] = textures.paint(names[rng.integers(len(names))], *grid, rng)
        surface = "textured background"
    return Stage(pixels, surface, {"ground": (0.0, 1.0)}, -1e6, reference=1.0, top_down=True)
