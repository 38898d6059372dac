"""Our agents among those of RL Baselines3 Zoo; importing this module needs the extra "zoo".

The way is the one that the README of SBX documents: https://github.com/araffin/sbx.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import rl_zoo3
import rl_zoo3.train
from rl_zoo3.exp_manager import ExperimentManager
from rl_zoo3.hyperparams_opt import HYPERPARAMS_CONVERTER, HYPERPARAMS_SAMPLER

from agents.ald import ALD
from agents.baselines import VMPO, FastRecurrentPPO
from agents.process.exit_status import REFUSALS
from agents.zoo import search
from agents.zoo.hyperparameters import FOLDER, OWN, contents

# Hyperparameters and search of this one are right for the other, whose arguments are the same.
_SAME = {"fast_recurrent_ppo": "ppo_lstm"}


class RefusedExperiment(ValueError):
    """Something that was asked for cannot be trained; the message says what, and which choices there are."""


class Experiment(ExperimentManager):
    """The zoo's, with our hyperparameters, and mistakes of users told from faults."""

    def __init__(
        self, args: Any, algo: str, env_id: str, *arguments: Any, config: str | None = None, **named: Any
    ) -> None:
        """Take what the zoo's takes."""
        file = config or str(hyperparameter_file(algo, env_id))
        super().__init__(args, algo, env_id, *arguments, **{**named, "config": file})

    def setup_experiment(self) -> Any:
        """Make environments and model.

        Raises:
            RefusedExperiment: Environment or agent refuse something. The folder of the run is gone again.
        """
        try:
            return super().setup_experiment()
        except REFUSALS as problem:
            shutil.rmtree(self.save_path, ignore_errors=True)
            raise RefusedExperiment(str(problem)) from problem


def register() -> None:
    """Let the zoo's programs know our agents, and train with `Experiment`."""
    rl_zoo3.ALGOS.update({"ald": ALD, "vmpo": VMPO, "fast_recurrent_ppo": FastRecurrentPPO})
    # The zoo's types are those of what stands in its tables; its README says to put more there.
    tables: tuple[Any, ...] = (HYPERPARAMS_SAMPLER, HYPERPARAMS_CONVERTER, rl_zoo3.train)
    samplers, converters, program = tables
    for own, draw in (("ald", search.sample_ald), ("vmpo", search.sample_vmpo)):
        samplers[own], converters[own] = draw, search.converted
    for own, theirs in _SAME.items():
        samplers[own], converters[own] = samplers[theirs], converters[theirs]
    program.ExperimentManager = Experiment


def hyperparameter_file(algo: str, env_id: str) -> Path:
    """Return the file of an algorithm's hyperparameters: ours where it has some for the environment."""
    name = _SAME.get(algo, algo)
    is_ours = name in OWN or env_id in contents().get(name, {})
    folder = FOLDER if is_ours else Path(rl_zoo3.__file__).parent / "hyperparams"
    return folder / f"{name}.yml"
