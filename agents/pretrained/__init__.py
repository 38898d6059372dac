"""Trained actors that ship with the package.

`load("imaze/ald")` returns one with Stable-Baselines3's `predict`. Each is a file of weights beside a card.
"""

from agents.pretrained.card import ModelCard
from agents.pretrained.store import load, load_pretrained, names, read_card

__all__ = ["ModelCard", "load", "load_pretrained", "names", "read_card"]
