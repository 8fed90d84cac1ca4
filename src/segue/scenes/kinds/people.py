"""People: man, woman, boy and girl, from the front or walking past. The look's colour is the shirt's.

Skin, hair and the clothes below the shirt vary on their own, away from the shirt's colour, so that "the woman
in red" has one answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segue.scenes.kinds import PenMaker, kind
from segue.scenes.pen import COLORS, KEEP, Color, Look, Pen, darker, lighter, mix

_SKINS = ((250, 216, 186), (238, 192, 152), (214, 160, 116), (172, 116, 78), (122, 80, 54))
_HAIRS = (
    (44, 34, 32),
    (84, 54, 34),
    (140, 88, 46),
    (216, 172, 92),
    (176, 78, 40),
    (168, 166, 166),
)  # the last is grey, for adults
_SHOES = ((50, 44, 44), (110, 70, 44), (230, 230, 232), (186, 48, 48))
_TROUSERS = ((52, 66, 112), (84, 84, 92), (46, 46, 52), (120, 96, 70), (74, 96, 66))
_SHIRTS = ("red", "blue", "green", "yellow", "orange", "purple", "pink", "white", "black")
_PARTS = ("head", "hair", "shirt", "arm", "leg", "shoe", "trousers")


@dataclass(frozen=True)
class _Figure:
    """Lengths in units of the whole height."""

    head: float  # height of the head
    hip: float  # y of the hip
    shoulder: float  # half the width at the shoulders
    waist: float  # half the width at the waist
    limb: float  # thickness of arms and legs


@dataclass(frozen=True)
class _Dress:
    skin: Color
    hair: Color
    style: str  # of the hair: short, cropped, long, bob, bun, pigtails, ponytail
    shirt: Color
    below: Color
    lower: str  # trousers, shorts, skirt
    sleeve: float  # share of the arm that the shirt covers
    shoe: Color
    beard: bool


@kind(
    name="man",
    plural="men",
    group="person",
    settings=("indoor", "street", "landscape"),
    rests_on="ground",
    height=(0.44, 0.62),
    colors=_SHIRTS,
    parts=_PARTS,
    properties=("can talk",),
)
def man(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    figure = _Figure(rng.uniform(0.17, 0.19), 0.5, rng.uniform(0.115, 0.14), rng.uniform(0.08, 0.11), 0.075)
    dress = _dress(
        look, rng, ("short", "short", "cropped"), ("trousers", "trousers", "shorts"), adult=True, beards=True
    )
    return _draw(make_pen, figure, dress, rng)


@kind(
    name="woman",
    plural="women",
    group="person",
    settings=("indoor", "street", "landscape"),
    rests_on="ground",
    height=(0.42, 0.58),
    colors=_SHIRTS,
    parts=(*_PARTS, "skirt"),
    properties=("can talk",),
)
def woman(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    figure = _Figure(rng.uniform(0.17, 0.19), 0.48, rng.uniform(0.092, 0.105), rng.uniform(0.06, 0.075), 0.06)
    dress = _dress(
        look, rng, ("long", "long", "bob", "bun", "ponytail"), ("skirt", "skirt", "trousers"), adult=True
    )
    return _draw(make_pen, figure, dress, rng)


@kind(
    name="boy",
    plural="boys",
    group="person",
    settings=("indoor", "street", "landscape"),
    rests_on="ground",
    height=(0.3, 0.4),
    colors=_SHIRTS,
    parts=_PARTS,
    properties=("can talk",),
)
def boy(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    figure = _Figure(rng.uniform(0.27, 0.3), 0.6, 0.115, 0.095, 0.085)
    return _draw(
        make_pen, figure, _dress(look, rng, ("short", "cropped"), ("shorts", "trousers"), adult=False), rng
    )


@kind(
    name="girl",
    plural="girls",
    group="person",
    settings=("indoor", "street", "landscape"),
    rests_on="ground",
    height=(0.29, 0.39),
    colors=_SHIRTS,
    parts=(*_PARTS, "skirt"),
    properties=("can talk",),
)
def girl(make_pen: PenMaker, look: Look, rng: np.random.Generator) -> Pen:
    figure = _Figure(rng.uniform(0.27, 0.3), 0.58, 0.105, 0.085, 0.075)
    dress = _dress(
        look, rng, ("pigtails", "pigtails", "ponytail", "long"), ("skirt", "skirt", "trousers"), adult=False
    )
    return _draw(make_pen, figure, dress, rng)


def _dress(
    look: Look,
    rng: np.random.Generator,
    styles: tuple[str, ...],
    lowers: tuple[str, ...],
    *,
    adult: bool,
    beards: bool = False,
) -> _Dress:
    lower = _pick(rng, lowers)
    below: Color = _pick(rng, [color for color in _TROUSERS if _distance(color, look.color) > 60])
    if lower == "skirt":
        below = _pick(
            rng, [color for name, color in COLORS.items() if name not in (look.color_name, "beige")]
        )
    skin = _pick(rng, _SKINS)
    hairs = _HAIRS if adult else _HAIRS[:-1]
    hair = _pick(rng, [color for color in hairs if min(_distance(color, c) for c in (look.color, skin)) > 70])
    sleeve = _pick(rng, (0.4, 0.4, 0.88))
    return _Dress(
        skin=skin,
        hair=hair,
        style=_pick(rng, styles),
        shirt=look.color,
        below=below,
        lower=lower,
        sleeve=sleeve,
        shoe=_pick(rng, _SHOES),
        beard=beards and rng.random() < 0.35,
    )


def _draw(make_pen: PenMaker, figure: _Figure, dress: _Dress, rng: np.random.Generator) -> Pen:
    pen = make_pen(0.9)
    pen.outline(0.3, 0.009)
    if rng.random() < 0.65:
        _front(pen, figure, dress, rng)
    else:
        _walking(pen, figure, dress, rng)
    if rng.random() < 0.5:
        pen.mirror()
    pen.shade("round")
    return pen


# --- from the front ---


def _front(pen: Pen, figure: _Figure, dress: _Dress, rng: np.random.Generator) -> None:
    x, top, hip = 0.45, figure.head + 0.015, figure.hip
    _hair_behind(pen, figure, dress, x)
    apart = rng.uniform(0.0, 0.035)
    for side in (-1, 1):
        leg_x = x + side * figure.limb * 0.62
        foot_x = leg_x + side * apart
        _leg(pen, figure, dress, [(leg_x, hip), (leg_x + side * apart / 2, (hip + 1) / 2), (foot_x, 0.95)])
        width = figure.limb * 0.6
        pen.ellipse(
            (foot_x - width + side * 0.012, 0.925, foot_x + width + side * 0.012, 1.0), dress.shoe, "shoe"
        )
    _below_front(pen, figure, dress, x)
    arms = {side: _pick(rng, ("down", "down", "hip", "wave")) for side in (-1, 1)}
    shoulders = top + 0.045
    torso = [
        (x - figure.shoulder * 0.5, top),
        (x + figure.shoulder * 0.5, top),
        (x + figure.shoulder, shoulders),
    ]
    torso += [(x + figure.waist, (top + hip) / 2 + 0.03), (x + figure.waist * 1.08, hip + 0.015)]
    torso += [(2 * x - px, py) for px, py in torso[:1:-1]]
    for side, pose in arms.items():
        if pose == "hip":
            _arm(pen, figure, dress, _arm_path(figure, x, shoulders, side, pose))
    pen.limb([(x, figure.head * 0.8), (x, top + 0.02)], (0.06, 0.07), dress.skin, "head")
    pen.polygon(torso, dress.shirt, "shirt")
    _shirt_details(pen, figure, dress, x, top, rng)
    for side, pose in arms.items():
        if pose != "hip":
            _arm(pen, figure, dress, _arm_path(figure, x, shoulders, side, pose))
    _face(pen, figure, dress, x)
    _hair_front(pen, figure, dress, x)


def _arm_path(figure: _Figure, x: float, y: float, side: int, pose: str) -> list[tuple[float, float]]:
    start = x + side * (figure.shoulder - figure.limb * 0.3)
    out = figure.shoulder + figure.limb * 0.35
    if pose == "hip":
        return [
            (start, y),
            (x + side * (out + 0.08), (y + figure.hip) / 2),
            (x + side * figure.waist, figure.hip - 0.03),
        ]
    if pose == "wave":
        return [(start, y), (x + side * (out + 0.09), y + 0.05), (x + side * (out + 0.13), y - 0.13)]
    return [(start, y), (x + side * out, (y + figure.hip) / 2), (x + side * (out + 0.01), figure.hip + 0.03)]


def _arm(pen: Pen, figure: _Figure, dress: _Dress, path: list[tuple[float, float]]) -> None:
    """Skin all the way to the hand, the sleeve over it."""
    (x0, y0), (x1, y1), (x2, y2) = path
    width = figure.limb * 0.78
    pen.limb(path, (width, width * 0.85), dress.skin, "arm", smooth=False)
    hand = width * 0.55
    pen.ellipse((x2 - hand, y2 - hand, x2 + hand, y2 + hand), dress.skin, "arm")
    reach = dress.sleeve * 2
    if reach <= 1:
        sleeve = [(x0, y0), (x0 + (x1 - x0) * reach, y0 + (y1 - y0) * reach)]
    else:
        sleeve = [(x0, y0), (x1, y1), (x1 + (x2 - x1) * (reach - 1), y1 + (y2 - y1) * (reach - 1))]
    pen.limb(sleeve, (width * 1.3, width * 1.2), dress.shirt, "shirt", smooth=False)


def _leg(pen: Pen, figure: _Figure, dress: _Dress, path: list[tuple[float, float]]) -> None:
    """Bare below shorts and skirts, else in trousers."""
    wide, narrow = figure.limb * 1.2, figure.limb * 0.85
    if dress.lower == "trousers":
        pen.limb(path, (wide, narrow), dress.below, "trousers", smooth=False)
        return
    pen.limb(path, (wide * 0.85, narrow * 0.75), dress.skin, "leg", smooth=False)
    if dress.lower == "shorts":
        (x0, y0), (x1, y1) = path[0], path[1]
        pen.limb([(x0, y0), (x1, y1)], (wide * 1.1, wide * 1.05), dress.below, "trousers", smooth=False)


def _below_front(pen: Pen, figure: _Figure, dress: _Dress, x: float) -> None:
    hip, waist = figure.hip, figure.waist
    if dress.lower == "skirt":
        hem = hip + (1 - hip) * 0.5
        wide = waist * 2.1
        skirt = [
            (x - waist, hip - 0.03),
            (x + waist, hip - 0.03),
            (x + wide, hem),
            (x, hem + 0.02),
            (x - wide, hem),
        ]
        pen.polygon(skirt, dress.below, "skirt")
        for share in (-0.45, 0.0, 0.45):
            line = [(x + share * waist, hip + 0.03), (x + share * wide, hem)]
            pen.line(line, 0.008, darker(dress.below, 0.8), KEEP)
    else:
        half = figure.limb * 1.22
        pen.rectangle((x - half, hip - 0.03, x + half, hip + 0.05), dress.below, "trousers", radius=0.02)


def _shirt_details(
    pen: Pen, figure: _Figure, dress: _Dress, x: float, top: float, rng: np.random.Generator
) -> None:
    line = darker(dress.shirt, 0.68) if max(dress.shirt) > 70 else lighter(dress.shirt, 0.3)
    style = rng.random()
    if style < 0.4:  # buttons
        for share in (0.3, 0.55, 0.8):
            y = top + (figure.hip - top) * share
            pen.ellipse((x - 0.009, y - 0.009, x + 0.009, y + 0.009), line, KEEP)
    elif style < 0.6:  # a pocket
        y = top + (figure.hip - top) * 0.35
        pen.rectangle((x + 0.02, y, x + 0.06, y + 0.05), darker(dress.shirt, 0.85), KEEP)
    collar = [(x - 0.04, top - 0.005), (x + 0.04, top - 0.005), (x, top + 0.035)]
    pen.polygon(collar, dress.skin, "head")


# --- the head ---


def _face(pen: Pen, figure: _Figure, dress: _Dress, x: float) -> None:
    h = figure.head
    r = h * 0.42
    for side in (-1, 1):
        pen.ellipse(
            (x + side * r - h * 0.08, h * 0.48, x + side * r + h * 0.08, h * 0.68), dress.skin, "head"
        )
    pen.ellipse((x - r, h * 0.08, x + r, h), dress.skin, "head")
    if dress.beard:
        jaw = [
            (x - r, h * 0.55),
            (x - r * 0.6, h * 0.66),
            (x, h * 0.62),
            (x + r * 0.6, h * 0.66),
            (x + r, h * 0.55),
        ]
        jaw += [(x + r * 0.75, h * 0.9), (x, h * 1.06), (x - r * 0.75, h * 0.9)]
        pen.polygon(jaw, dress.hair, "hair", smooth=True)
    dark = (50, 40, 38)
    for side in (-1, 1):
        ex, ey, er = x + side * h * 0.17, h * 0.53, h * 0.045
        pen.ellipse((ex - er, ey - er * 1.2, ex + er, ey + er * 1.2), dark, KEEP)
        pen.ellipse(
            (ex + side * h * 0.07 - h * 0.06, h * 0.64, ex + side * h * 0.07 + h * 0.06, h * 0.74),
            mix(dress.skin, (230, 90, 90), 0.3),
            KEEP,
        )
    mouth = (x - h * 0.13, h * 0.62, x + h * 0.13, h * 0.82)
    pen.arc(mouth, 20, 160, h * 0.045, (170, 60, 60) if not dress.beard else (240, 170, 160), KEEP)


def _hair_behind(pen: Pen, figure: _Figure, dress: _Dress, x: float) -> None:
    h, hair = figure.head, dress.hair
    r = h * 0.5
    if dress.style == "long":
        low = h * 1.5
        shape = [
            (x - r, h * 0.4),
            (x, 0.0),
            (x + r, h * 0.4),
            (x + r * 1.15, low),
            (x, low * 0.95),
            (x - r * 1.15, low),
        ]
        pen.polygon(shape, hair, "hair", smooth=True)
    elif dress.style == "bob":
        pen.rectangle((x - r * 1.05, h * 0.2, x + r * 1.05, h * 0.98), hair, "hair", radius=h * 0.2)
    elif dress.style == "bun":
        pen.ellipse((x - h * 0.2, -h * 0.2, x + h * 0.2, h * 0.2), hair, "hair")
    elif dress.style == "ponytail":
        tail = [(x + r * 0.6, h * 0.2), (x + r * 1.5, h * 0.35), (x + r * 1.45, h * 1.1)]
        pen.limb(tail, (h * 0.25, h * 0.15), hair, "hair")
    elif dress.style == "pigtails":
        for side in (-1, 1):
            tail = [
                (x + side * r * 0.9, h * 0.45),
                (x + side * r * 1.45, h * 0.6),
                (x + side * r * 1.5, h * 1.05),
            ]
            pen.limb(tail, (h * 0.24, h * 0.16), hair, "hair")


def _hair_front(pen: Pen, figure: _Figure, dress: _Dress, x: float) -> None:
    h, hair = figure.head, dress.hair
    r = h * 0.47
    low = {"cropped": 0.42, "short": 0.5}.get(dress.style, 0.5)
    cap = [(x - r, h * low), (x - r * 0.95, h * 0.2), (x, 0.0), (x + r * 0.95, h * 0.2), (x + r, h * low)]
    if dress.style == "cropped":
        cap += [(x + r * 0.78, h * 0.32), (x, h * 0.28), (x - r * 0.78, h * 0.32)]
    else:
        part = -0.35 if dress.style in ("short", "long") else 0.0
        cap += [(x + r * 0.75, h * 0.36), (x + r * part, h * 0.25), (x - r * 0.75, h * 0.38)]
    pen.polygon(cap, hair, "hair", smooth=True)
    if dress.style == "pigtails":
        for side in (-1, 1):
            bow = x + side * h * 0.5
            pen.ellipse((bow - h * 0.07, h * 0.4, bow + h * 0.07, h * 0.54), dress.shirt, KEEP)


# --- walking past, to the left ---


def _walking(pen: Pen, figure: _Figure, dress: _Dress, rng: np.random.Generator) -> None:
    x, top, hip = 0.45, figure.head + 0.015, figure.hip
    stride = rng.uniform(0.07, 0.14)
    shoulders = top + 0.05
    depth = (figure.waist + figure.shoulder) * 0.4
    swing = stride * 0.9
    middle, hand = (shoulders + hip) / 2, hip + 0.0
    _arm(
        pen,
        figure,
        _in_shadow(dress),
        [(x, shoulders), (x - swing * 0.4, middle), (x - swing - 0.03, hand - 0.02)],
    )
    for side, wear in ((1, _in_shadow(dress)), (-1, dress)):
        foot = x + side * stride
        knee = (x + side * stride * 0.5 - 0.02, (hip + 1) / 2)
        _leg(pen, figure, wear, [(x, hip), knee, (foot, 0.95)])
        width = figure.limb * 0.5
        pen.ellipse((foot - width * 2.1, 0.93, foot + width, 1.0), wear.shoe, "shoe")
    if dress.lower == "skirt":
        hem = hip + (1 - hip) * 0.48
        wide = max(depth * 1.9, stride * 0.8)
        skirt = [(x - depth, hip - 0.03), (x + depth, hip - 0.03), (x + wide, hem), (x - wide, hem)]
        pen.polygon(skirt, dress.below, "skirt")
    else:
        half = max(depth, figure.limb * 0.62)
        pen.rectangle((x - half, hip - 0.03, x + half, hip + 0.04), dress.below, "trousers", radius=0.03)
    _side_hair_behind(pen, figure, dress, x)
    pen.limb([(x, figure.head * 0.8), (x, top + 0.02)], (0.06, 0.07), dress.skin, "head")
    torso = [
        (x - depth * 0.7, top),
        (x + depth * 0.6, top),
        (x + depth * 1.1, shoulders + 0.05),
        (x + depth, hip + 0.015),
    ]
    torso += [(x - depth, hip + 0.015), (x - depth * 1.15, shoulders + 0.07)]
    pen.polygon(torso, dress.shirt, "shirt")
    _arm(pen, figure, dress, [(x, shoulders + 0.01), (x + swing * 0.7, middle), (x + swing * 0.8, hand)])
    _profile(pen, figure, dress, x)


def _side_hair_behind(pen: Pen, figure: _Figure, dress: _Dress, x: float) -> None:
    h, hair = figure.head, dress.hair
    if dress.style in ("long", "bob"):
        low = h * (1.5 if dress.style == "long" else 1.0)
        shape = [(x, h * 0.1), (x + h * 0.45, h * 0.3), (x + h * 0.5, low), (x + h * 0.1, low)]
        pen.polygon(shape, hair, "hair", smooth=True)
    elif dress.style == "bun":
        pen.ellipse((x + h * 0.25, h * 0.05, x + h * 0.65, h * 0.42), hair, "hair")
    elif dress.style in ("ponytail", "pigtails"):
        tail = [(x + h * 0.3, h * 0.35), (x + h * 0.7, h * 0.5), (x + h * 0.68, h * 1.1)]
        pen.limb(tail, (h * 0.25, h * 0.15), hair, "hair")


def _profile(pen: Pen, figure: _Figure, dress: _Dress, x: float) -> None:
    h = figure.head
    r = h * 0.44
    pen.polygon(
        [(x - r * 0.85, h * 0.48), (x - r * 1.28, h * 0.66), (x - r * 0.8, h * 0.7)], dress.skin, "head"
    )
    pen.ellipse((x - r, h * 0.08, x + r, h), dress.skin, "head")
    if dress.beard:
        jaw = [
            (x - r * 0.95, h * 0.68),
            (x - r * 0.2, h * 0.72),
            (x + r * 0.2, h * 0.55),
            (x + r * 0.3, h * 0.85),
        ]
        pen.polygon(
            [*jaw, (x - r * 0.4, h * 1.06), (x - r * 0.95, h * 0.95)], dress.hair, "hair", smooth=True
        )
    else:
        pen.line([(x - r * 0.82, h * 0.78), (x - r * 0.45, h * 0.79)], h * 0.04, (170, 60, 60), KEEP)
    ex, ey, er = x - r * 0.55, h * 0.52, h * 0.045
    pen.ellipse((ex - er, ey - er * 1.3, ex + er, ey + er * 1.3), (50, 40, 38), KEEP)
    low = 0.5 if dress.style == "cropped" else 0.72
    cap = [(x - r * 0.95, h * 0.36), (x - r * 0.7, h * 0.06), (x + r * 0.1, 0.0), (x + r * 1.05, h * 0.25)]
    cap += [
        (x + r * 1.08, h * low),
        (x + r * 0.5, h * low),
        (x + r * 0.15, h * 0.42),
        (x - r * 0.45, h * 0.34),
    ]
    pen.polygon(cap, dress.hair, "hair", smooth=True)
    pen.ellipse((x + r * 0.0, h * 0.48, x + r * 0.34, h * 0.68), dress.skin, "head")


def _in_shadow(dress: _Dress) -> _Dress:
    """The same clothes on the far side of the body."""
    return _Dress(
        skin=darker(dress.skin, 0.85),
        hair=dress.hair,
        style=dress.style,
        shirt=darker(dress.shirt, 0.8),
        below=darker(dress.below, 0.8),
        lower=dress.lower,
        sleeve=dress.sleeve,
        shoe=darker(dress.shoe, 0.85),
        beard=dress.beard,
    )


def _pick(rng: np.random.Generator, choices):
    return choices[int(rng.integers(len(choices)))]


def _distance(first: Color, second: Color) -> float:
    return float(np.hypot.reduce(np.subtract(first, second)))
