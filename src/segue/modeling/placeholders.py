"""Features among token embeddings, in the places that placeholders keep for them."""

from __future__ import annotations

from torch import Tensor

__all__ = ["fill_placeholders"]


def fill_placeholders(
    embeddings_BTH: Tensor, slots_BT: Tensor, values: Tensor | None, *, name: str
) -> Tensor:
    """The embeddings with a feature at every placeholder, in reading order.

    Args:
        embeddings_BTH: (B, T, H) of all tokens.
        slots_BT: (B, T) bool, where placeholders are.
        values: (..., H) features, as many as placeholders; None for none.
        name: of the features, for the error.

    Raises:
        ValueError: placeholders and features differ in number.
    """
    given, expected = 0 if values is None else values.shape[:-1].numel(), int(slots_BT.sum())
    if given != expected:
        raise ValueError(f"{expected} placeholders for {name}, but {given} features")
    if values is None:
        return embeddings_BTH
    return embeddings_BTH.masked_scatter(slots_BT[..., None], values.to(embeddings_BTH.dtype))
