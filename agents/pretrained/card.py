"""The model card of a trained actor: what it is, how it was trained, how well it performs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.evaluation.episodes import checked_evaluation
from agents.vec_env.make import id_from_file
from memory_envs.registry.json_text import build

FORMAT = "memory-envs pretrained actor"
VERSION = 1


@dataclass(frozen=True)
class ModelCard:
    """Everything about a trained actor except its weights, as plain JSON-able values.

    Attributes:
        name: The preset it was trained with.
        agent: Name in `memory_envs.registry.agents`.
        policy: Name of the policy, one of the agent's `policy_aliases`.
        architecture: Arguments of the policy's class, apart from spaces and learning rate.
        observation_space: As `agents.sb3.spaces` writes it.
        action_space: As `agents.sb3.spaces` writes it.
        env: Registered id of the environment.
        env_kwargs: Settings of the environment that differ from its defaults.
        training: `command`, `seed`, `frames`, all `settings` of the agent, and what it was `made_with`.
        evaluation: By how actions are chosen, "sampled" and "deterministic": `Evaluation.to_dict`
            and `normalized_score` of the return, None where no certificate ships for the environment.
        sha256: Of the file of weights, in hexadecimal.
    """

    name: str
    agent: str
    policy: str
    architecture: dict[str, Any]
    observation_space: dict[str, Any]
    action_space: dict[str, Any]
    env: str
    env_kwargs: dict[str, Any]
    training: dict[str, Any]
    evaluation: dict[str, dict[str, Any]]
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values."""
        return {"format": FORMAT, "version": VERSION} | dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, content: Any) -> ModelCard:
        """Return what `to_dict` was made from.

        Raises:
            ValueError: It is not a model card, is one of another version, or an entry is missing or unknown.
        """
        if not isinstance(content, Mapping) or content.get("format") != FORMAT:
            raise ValueError(f"it does not say that its format is {FORMAT!r}")
        if content.get("version") != VERSION:
            raise ValueError(f"version must be {VERSION}, got {content.get('version')!r}")
        fields = {name: value for name, value in content.items() if name not in ("format", "version")}
        wanted = {field.name for field in dataclasses.fields(cls)}
        if fields.keys() != wanted:
            raise ValueError(
                f"these entries are missing or unknown: {', '.join(sorted(fields.keys() ^ wanted))}"
            )
        id_from_file(fields["env"], "it")
        checked_evaluation(fields["evaluation"], "evaluation")
        card: ModelCard = build(cls, fields, "card")
        for name, each in card.evaluation.items():
            if "normalized_score" not in each:
                raise ValueError(f"evaluation/{name} has no normalized_score")
            build(float | None, each["normalized_score"], f"evaluation/{name}/normalized_score")
        build(int, card.training.get("frames"), "training/frames")
        return card

    def summary(self) -> str:
        """Return one line: its results with sampled actions, and its training."""
        sampled = self.evaluation.get("sampled")
        trained = f"trained for {self.training['frames']:,} frames in {self.env}"
        if sampled is None:
            return trained
        success, score = sampled["success"], sampled["normalized_score"]
        parts = [
            f"return {sampled['mean_return']['mean']:.3f}",
            *([] if score is None else [f"normalised score {score:.3f}"]),
            *([] if success is None else [f"success {success['mean']:.3f}"]),
        ]
        return f"{', '.join(parts)} over {sampled['episodes']} episodes, {trained}"
