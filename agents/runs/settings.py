"""Settings of a run that are not the agent's: the task, its length, where output goes, the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from agents.engines.ray import RaySettings
from agents.evaluation.episodes import FIRST_EVALUATION_SEED
from agents.learning.settings import Settings
from memory_envs.registry.envs import registered_id
from memory_envs.registry.json_text import MalformedJson, read_object
from memory_envs.registry.lookup import look_up

ENGINES = ("serial", "ray")
# Settings that only the Ray engine has.
OF_THE_RAY_ENGINE = ("num_actors", "num_distillers", "queue_length", "ray_address", "lockstep")
# Training episodes that success and return are averaged over.
SUCCESS_WINDOW = 200
# Between two rows of progress.csv, at most, unless a single unroll has more: how soon agents reach a success
# rate can be compared only if their rows are equally close.
ROW_FRAMES = 12_000
# Files that a folder should hold at most.
MOST_SNAPSHOTS = 1_000


def _option(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class RunSettings(Settings):
    """Settings of a run that are not the agent's; each is a command-line option."""

    preset: str | None = _option(None, "experiment that sets the defaults of all other options")
    policy: str = _option("LstmPolicy", "name of the acting policy")
    env: str | None = _option(None, "environment id: of this package, or any other that Gymnasium knows")
    env_kwargs: str = _option("{}", """keyword arguments of the environment as JSON: '{"size": 11}'""")
    num_envs: int = _option(16, "environments (lanes) that are stepped together")
    total_timesteps: int = _option(
        1_000_000, "frames of training, summed over lanes; rounded up to whole unrolls"
    )
    seed: int = _option(0, "seed of weights, actions, replay and environments (lane i uses seed + i)")
    run_dir: str | None = _option(None, "new folder for all output; None: runs/NAME-sSEED-DATE-TIME")
    trained_agent: str | None = _option(
        None, "run or model file whose networks training starts from, perhaps of another environment"
    )
    resume: str | None = _option(
        None, "folder of a run to resume, up to its total or a new --total-timesteps"
    )
    device: str = _option("auto", "auto, cpu, cuda, cuda:1, ...")
    num_threads: int | None = _option(
        None,
        "CPU threads of torch; None: as many as cores that are idle when training begins and that no "
        "other process of the run needs, at most 4 and at most OMP_NUM_THREADS",
    )
    stop_at_success: float | None = _option(
        None, f"stop early once this share of the last {SUCCESS_WINDOW} training episodes succeeded"
    )
    checkpoint_every: int = _option(100_000, "frames between checkpoints")
    keep_snapshots: int = _option(
        0, "acting networks to keep on the way, in small files, for a report that plays an episode with each"
    )
    log_every: int | None = _option(
        None, f"unrolls per row of progress.csv; None: as many as fit into {ROW_FRAMES:,} frames"
    )
    evaluation_episodes: int = _option(200, "episodes of each evaluation at the end of training")
    engine: str = _option(
        "serial",
        "serial: everything in turn, in this process; ray: several processes, on one machine or many",
    )
    num_actors: int = _option(1, "actor processes, each with an equal share of the lanes (engine ray)")
    num_distillers: int = _option(1, "distiller processes (engine ray)")
    queue_length: int = _option(
        0, "unrolls that an actor may be ahead of the learner; 0: none, as in the serial engine (engine ray)"
    )
    ray_address: str | None = _option(
        None, "Ray cluster to run on, auto or HOST:PORT; None: a new one on this machine (engine ray)"
    )
    lockstep: bool = _option(
        False, "act, learn and distil in turn, with the numbers of the serial engine (engine ray)"
    )

    def __post_init__(self) -> None:
        """Refuse what cannot work, naming the option, the value and the choices.

        The environment has one id from here on, whichever of its names was given.
        """
        if self.env is not None:
            object.__setattr__(self, "env", registered_id(self.env))
        self._require_each("num_envs total_timesteps checkpoint_every evaluation_episodes", 1)
        self._require(
            "keep_snapshots", 0 <= self.keep_snapshots <= MOST_SNAPSHOTS, f"from 0 to {MOST_SNAPSHOTS}"
        )
        for name in ("log_every", "num_threads"):
            self._require(name, (value := getattr(self, name)) is None or value >= 1, "at least 1")
        highest = FIRST_EVALUATION_SEED - self.num_envs
        self._require("seed", 0 <= self.seed <= highest, f"from 0 to {highest}")
        share = self.stop_at_success
        self._require("stop_at_success", share is None or 0 < share <= 1, "in (0, 1]")
        self._require(
            "env_kwargs", _is_json_object(self.env_kwargs), """a JSON object such as '{"size": 11}'"""
        )
        look_up(dict.fromkeys(ENGINES), "engine", self.engine)
        if (settings := self.ray_settings) is not None:
            settings.lanes_per_actor(self.num_envs)

    def _require(self, name: str, holds: bool, what: str) -> None:
        if not holds:
            raise ValueError(f"{flag(name)} must be {what}, got {getattr(self, name)!r}")

    @property
    def env_id(self) -> str:
        """The environment, which no parsed command line lacks."""
        assert self.env is not None
        return self.env

    @property
    def env_settings(self) -> dict[str, Any]:
        """`env_kwargs` as a dictionary."""
        return read_object(self.env_kwargs)

    @property
    def ray_settings(self) -> RaySettings | None:
        """How the work is divided among processes; None with the serial engine."""
        if self.engine != "ray":
            return None
        return RaySettings(
            num_actors=self.num_actors,
            num_distillers=self.num_distillers,
            queue_length=self.queue_length,
            address=self.ray_address,
            lockstep=self.lockstep,
        )


def rows_apart(unroll_frames: int) -> int:
    """Return how many unrolls of so many frames fit into ROW_FRAMES, at least one."""
    return max(1, ROW_FRAMES // unroll_frames)


def flag(name: str) -> str:
    """Return the command-line option of a setting."""
    return "--" + name.replace("_", "-")


def _is_json_object(text: str) -> bool:
    try:
        read_object(text)
    except MalformedJson:
        return False
    return True
