"""GeoJSON (RFC 7946): a Feature for each object, its geometry the mask's exact border.

Coordinates are the picture's pixels, x to the right. GIS tools and QuPath let y grow in different directions:
`flip` makes it grow upwards, with 0 at the picture's lower edge.
"""

from __future__ import annotations

from typing import Any

from segue.answer import Answer, Segment
from segue.exports.outlines import Ring, mask_polygons

__all__ = ["geojson_feature", "to_geojson"]


def to_geojson(answer: Answer, *, flip: bool = False) -> dict[str, Any]:
    """A FeatureCollection of what is there, with `phrase`, `score` and `area` (pixels) as properties."""
    height = answer.height if flip else None
    features = [
        geojson_feature(segment, flip_height=height)
        for segment in answer.segments
        if segment.bbox is not None
    ]
    return {"type": "FeatureCollection", "features": features}


def geojson_feature(segment: Segment, *, flip_height: int | None = None, **properties: Any) -> dict[str, Any]:
    """One object: a MultiPolygon, or a Polygon where it has one part or only a box."""
    if (mask := segment.mask) is not None:
        polygons = [[p.outer, *p.holes] for p in mask_polygons(mask)]
    else:
        x0, y0, x1, y1 = segment.box or (0.0, 0.0, 0.0, 0.0)
        corners: Any = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
        polygons = [[corners]]
    coordinates = [[_ring(ring, flip_height) for ring in rings] for rings in polygons]
    single = len(coordinates) == 1
    return {
        "type": "Feature",
        "geometry": {
            "type": "Polygon" if single else "MultiPolygon",
            "coordinates": coordinates[0] if single else coordinates,
        },
        "properties": {
            "phrase": segment.phrase,
            "score": round(segment.score, 4),
            "area": segment.area,
            **properties,
        },
    }


def _ring(ring: Ring, flip_height: int | None) -> list[list[float]]:
    """Closed, and turning as RFC 7946 asks: outer rings counter-clockwise where y grows upwards.

    Rings come clockwise on the screen, where y grows downwards: as numbers those are counter-clockwise ones.
    """
    if flip_height is None:
        return [[x, y] for x, y in [*ring, ring[0]]]
    return [[x, flip_height - y] for x, y in [*ring, ring[0]][::-1]]
