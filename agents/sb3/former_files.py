"""Files of models as earlier versions wrote them, brought up to date before they are checked."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from agents.learning.losses.popart import PopArt

# PopArt's moments moved by its setting from the first update on: as many updates as make them do so still.
_MANY = 100_000


def up_to_date(tree: Any) -> Any:
    """Return the content of a file as this version writes it; what is no such content, as it is."""
    for change in (_normalized, _with_labels, _with_nothing_taught, _with_policies):
        # What is of no version is left to the checks that follow, which say what is wrong with it.
        with contextlib.suppress(KeyError, IndexError, TypeError, AttributeError, ValueError, RuntimeError):
            tree = change(tree)
    return tree


def _with_policies(tree: Any) -> Any:
    """Where all actions were choices and policies were called logits."""
    actor, unrolls = tree["actor"], tree["replay"] and tree["replay"]["unrolls"]
    if actor["begun"] and "logits" in actor["begun"]:
        actor = {**actor, "begun": _renamed(actor["begun"], logits="policies")}
    if unrolls and "behaviour_logits" in unrolls[0]:
        unrolls = [
            {
                **_renamed(each, behaviour_logits="behaviour_policy"),
                "learner": _renamed(each["learner"], logits="policy"),
            }
            for each in unrolls
        ]
    if actor is tree["actor"] and unrolls is (tree["replay"] and tree["replay"]["unrolls"]):
        return tree
    return {**tree, "actor": actor, "replay": tree["replay"] and {**tree["replay"], "unrolls": unrolls}}


def _renamed(part: Mapping[str, Any], **names: str) -> dict[str, Any]:
    return {names.get(name, name): each for name, each in part.items()}


def _with_nothing_taught(tree: Any) -> Any:
    """Where learners did not teach memory yet: unrolls in which they taught nothing."""
    unrolls = tree["replay"] and tree["replay"]["unrolls"]
    if not unrolls or all("memory" in each["learner"] for each in unrolls):
        return tree
    return {**tree, "replay": {**tree["replay"], "unrolls": [_taught_nothing(each) for each in unrolls]}}


def _taught_nothing(unroll: Mapping[str, Any]) -> dict[str, Any]:
    said = unroll["learner"]
    return {**unroll, "learner": {"memory": said["value"].new_zeros((*said["value"].shape, 0)), **said}}


def _with_labels(tree: Any) -> Any:
    """Where there were no memory targets yet: unrolls, and what the actor keeps, with labels of none."""
    if "acting" in tree:
        return _with_no_labels_told(tree)
    actor, replay = tree["actor"], tree["replay"]
    if "told" in actor or "is_first" not in actor:
        return tree
    none = torch.zeros((len(actor["is_first"]), 0), dtype=torch.int64)
    begun = actor["begun"] and {**actor["begun"], "labels": [none for _ in actor["begun"]["actions"]]}
    tree = {**tree, "actor": {**actor, "told": none, "begun": begun}}
    if replay is not None:
        unrolls = [
            {**each, "memory_label": torch.zeros((*each["action"].shape, 0), dtype=torch.int64)}
            for each in replay["unrolls"]
        ]
        tree["replay"] = {**replay, "unrolls": unrolls}
    return tree


def _with_no_labels_told(tree: Any) -> Any:
    acting = tree["acting"]
    if "told" in acting or "memory" not in acting:
        return tree
    return {**tree, "acting": {**acting, "told": np.zeros((tree["n_envs"], 0), dtype=np.int64)}}


def _normalized(tree: Any) -> Any:
    """Distilled values and the acting policy's value head, normalised by PopArt's moments as they are now.

    Until version 0.2 they were in units of the return. The same values come out, up to rounding.
    """
    popart = tree["learner"]["popart"]
    if "updates" in popart or "mean" not in popart:
        return tree
    mean, mean_square = popart["mean"], popart["mean_square"]
    sigma = (mean_square - mean.square()).clamp_min(0.0).sqrt().clamp(1e-2, 1e6)
    moments = PopArt()
    moments.load_state_dict(
        {"mean": mean, "mean_square": mean.square() + sigma.square(), "updates": torch.tensor(_MANY)}
    )
    learner = {
        **tree["learner"],
        "popart": moments.state_dict(),
        "reward_unit": torch.ones_like(moments.mu),
    }
    tree = {**tree, "learner": learner}
    if tree["distiller"] is not None:
        tree["policy"] = _normalized_head(tree["policy"], moments)
    if tree["replay"] is not None:
        unrolls = [_normalized_values(unroll, moments) for unroll in tree["replay"]["unrolls"]]
        tree["replay"] = {**tree["replay"], "unrolls": unrolls}
    return tree


def _normalized_head(policy: Mapping[str, Any], moments: PopArt) -> dict[str, Any]:
    weight, bias = policy["value_net.weight"], policy["value_net.bias"]
    return {
        **policy,
        "value_net.weight": weight / moments.sigma,
        "value_net.bias": (bias - moments.mu) / moments.sigma,
    }


def _normalized_values(unroll: Mapping[str, Any], moments: PopArt) -> dict[str, Any]:
    said = dict(unroll["learner"])
    said["value"] = (said["value"] - moments.mu) / said.pop("value_scale")
    return {**unroll, "learner": said}
