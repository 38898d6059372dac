"""The colours of sprites, frames and texts, by name.

Those of things differ in lightness as well; their shapes differ in any case.
"""

Colour = tuple[int, int, int]

PALETTE: dict[str, Colour] = {
    "page": (22, 25, 36),
    "card": (38, 44, 61),
    "shadow": (28, 37, 72),
    "wall": (88, 99, 128),
    "wall edge": (64, 72, 97),
    "floor": (250, 245, 233),
    "line": (226, 217, 197),
    "agent": (33, 38, 52),
    "halo": (255, 255, 255),
    "text": (226, 230, 240),
    "faint": (148, 157, 180),
    "frame": (112, 150, 236),
    "good": (116, 211, 146),
    "bad": (247, 122, 112),
    "amber": (238, 150, 26),
    "azure": (36, 118, 220),
    "red": (224, 62, 62),
    "green": (22, 150, 98),
    "violet": (140, 84, 208),
    "yellow": (247, 200, 32),
    "teal": (20, 172, 190),
    "brown": (128, 82, 46),
}
