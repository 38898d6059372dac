"""How much a file may ask for: far beyond what any honest one does, and small beside a machine's memory.

A file of some kilobytes can describe a network of terabytes. Whatever is built from a description that
anybody may have written is held to these before memory is asked for. What a user types or passes is not.
"""

MAX_SPACE = 2**24
"""Numbers in one observation, all parts together: a picture of 1080 x 1920 in colour is 6,220,800, and
agents are shown smaller ones."""

MAX_LANES = 2**17
"""Environments that are stepped together."""

MAX_ROLLOUT = 2**32
"""Numbers of all observations in one rollout or unroll, of all lanes together."""

MAX_PROCESSES = 2**10
"""Threads, actors, distillers: each of them."""

MAX_SCRATCH = 2**26
"""Numbers that building a network may need beside its parameters: masks, positions, the memory of lanes."""
