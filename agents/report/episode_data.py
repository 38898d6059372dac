"""A recorded episode as plain values for a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.report.episodes import RecordedEpisode
from agents.report.packing import pack, pack_distinct, rounded
from agents.report.remembering import RememberedTarget
from agents.report.tracing import Floats, Trace
from memory_envs.rendering.scene import Fact, Scene
from memory_envs.rules.grid import FORWARD, NUM_ACTIONS, TURN_LEFT, TURN_RIGHT

_ACTION_NAMES = {TURN_LEFT: "turn left", TURN_RIGHT: "turn right", FORWARD: "forward"}


def episode_data(episode: RecordedEpisode) -> dict[str, Any]:
    """Return everything that the page draws of an episode."""
    scenes = episode.scenes
    return {
        "stream": episode.stream,
        "number": episode.number,
        "success": episode.success,
        "truncated": episode.truncated,
        "return": rounded(episode.total_reward),
        "maxSteps": scenes[0].max_steps,
        "actionNames": [_ACTION_NAMES[action] for action in range(NUM_ACTIONS)],
        "actions": list(episode.actions),
        "rewards": [rounded(reward) for reward in episode.rewards],
        "poses": [[scene.row, scene.column, scene.heading] for scene in scenes],
        "room": pack_distinct(np.stack([scene.tiles for scene in scenes]).astype(np.uint8)),
        "visible": pack_distinct(np.stack([scene.visible for scene in scenes]).astype(np.uint8)),
        "view": pack_distinct(np.stack([scene.view for scene in scenes]).astype(np.uint8)),
        "notes": {name: [scene.notes[name] for scene in scenes] for name in scenes[0].notes},
        "kind": [_fact(fact) for fact in episode.kind],
        "facts": _facts(scenes),
        "sightings": [
            {"tile": tile, "steps": np.flatnonzero(in_view(scenes, tile)).tolist()}
            for tile in scenes[0].things
        ],
        "targets": [_target(target) for target in episode.targets],
        "traces": {role: _trace(trace) for role, trace in episode.traces.items()},
    }


def in_view(scenes: Sequence[Scene], tile: int) -> NDArray[np.bool_]:
    """Return whether a kind of tile lies in the agent's view in each scene, bool [len(scenes)]."""
    return np.array([bool((scene.view == tile).any()) for scene in scenes])


def _trace(trace: Trace) -> dict[str, Any]:
    # No step looks further back than the episode is long.
    attention = None if trace.attention is None else trace.attention[..., : len(trace.attention)]
    return {
        "probabilities": [[rounded(each) for each in row] for row in trace.probabilities.tolist()],
        "value": None if trace.value is None else [rounded(each) for each in trace.value.tolist()],
        "hidden": None if trace.hidden is None else pack(trace.hidden, "int8"),
        "attention": None if attention is None else pack(attention, "uint16"),
        "memory": [_belief(each) for each in trace.memory],
    }


def _belief(probabilities: Floats) -> dict[str, Any]:
    """The likeliest value of a memory target at each step, and how likely it is."""
    likeliest = [rounded(each) for each in probabilities.max(axis=-1).tolist()]
    return {"value": probabilities.argmax(axis=-1).tolist(), "probability": likeliest}


def _target(target: RememberedTarget) -> dict[str, Any]:
    meanings = [{"name": each.name, "tile": each.tile} for each in target.meanings]
    return {"name": target.title, "meanings": meanings, "truth": target.truth}


def _facts(scenes: Sequence[Scene]) -> list[dict[str, Any]]:
    """What the agent is not told: of each fact the values that it takes, and which of them in each scene."""
    told = []
    for values in zip(*(scene.facts for scene in scenes), strict=True):
        place = {fact: k for k, fact in enumerate(dict.fromkeys(values))}
        told.append({"distinct": [_fact(fact) for fact in place], "rows": [place[fact] for fact in values]})
    return told


def _fact(fact: Fact) -> dict[str, Any]:
    icons = [{"tile": icon.tile, "mark": icon.mark} for icon in fact.icons]
    return {"name": fact.name, "text": fact.text, "icons": icons, "mood": fact.mood}
