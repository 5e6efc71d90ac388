"""Drawn data: scenes in the layout of PASCAL VOC, and aerial tiles in the form of a competition.

A package of its own, beside segbook, which reads what it draws; it imports nothing from there. It is frozen: the same
seed gives the same pixels for ever, because every result of the book was measured on them. It was never tuned on one.
"""

from toyvoc.aerial import draw_tile
from toyvoc.folders import make_aerial, make_toy_voc
from toyvoc.scenes import Scene, draw_scene

__all__ = ["Scene", "draw_scene", "draw_tile", "make_aerial", "make_toy_voc"]
