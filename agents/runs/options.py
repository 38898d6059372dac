"""The command line of training: what may be asked for, and where the defaults come from."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast, get_type_hints

import tyro

from agents.engines.ray import RaySettings
from agents.evaluation.episodes import FIRST_EVALUATION_SEED
from agents.learning.settings import absent_settings
from agents.process.provenance import allowed_threads, available_cores
from agents.runs.directory import RunDirectory
from agents.sb3.algorithm import find_algorithm
from agents.sb3.base import AgentConfig
from registry.agents import AGENTS, get_agent
from registry.lookup import look_up
from registry.presets import PRESETS, get_preset

Settings = TypeVar("Settings")

# What may differ when a run is gone on with; anything else would make it another run.
CHANGEABLE = (
    "total_timesteps",
    "device",
    "num_threads",
    "stop_at_success",
    "checkpoint_every",
    "evaluation_episodes",
    "engine",
    "num_actors",
    "num_distillers",
    "queue_length",
    "ray_address",
    "lockstep",
)
ENGINES = ("serial", "ray")
# More threads than this do not pay for networks this small.
MAX_THREADS = 4
# What says which experiment a run is, beside the agent and its settings; the rest says how it is run.
OF_THE_EXPERIMENT = (
    "policy",
    "env",
    "env_kwargs",
    "num_envs",
    "total_timesteps",
    "stop_at_success",
    "trained_agent",
)
# Training episodes that success and return are averaged over.
SUCCESS_WINDOW = 200
# Between two rows of progress.csv, at most, unless a single unroll has more: how soon agents come to a
# success can be compared only if their rows lie equally close.
ROW_FRAMES = 12_000


def _option(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class RunSettings:
    """Settings of a run that are not the agent's."""

    preset: str | None = _option(None, "experiment that gives the defaults of everything else")
    policy: str = _option("LstmPolicy", "policy that acts, by its name")
    env: str | None = _option(None, "environment id: of this package, or any other that Gymnasium knows")
    env_kwargs: str = _option("{}", """settings of the environment, as JSON: '{"size": 11}'""")
    num_envs: int = _option(16, "lanes: environments that are stepped together")
    total_timesteps: int = _option(
        1_000_000, "frames of training, all lanes together; rounded up to whole unrolls"
    )
    seed: int = _option(0, "of weights, actions, replay and environments (lane i: seed + i)")
    run_dir: str | None = _option(None, "new folder for everything; runs/NAME-sSEED-DATE-TIME when not given")
    trained_agent: str | None = _option(
        None, "run or model file whose networks training begins with, perhaps in another environment"
    )
    resume: str | None = _option(
        None, "folder of a run to go on with, to its total or a new --total-timesteps"
    )
    device: str = _option("auto", "auto, cpu, cuda, cuda:1, ...")
    num_threads: int | None = _option(
        None,
        "threads of torch on the CPU, 1 on a busy machine; cores that no other process of the run needs, up "
        "to 4 and to OMP_NUM_THREADS, if not given",
    )
    stop_at_success: float | None = _option(
        None, f"end early once this share of the last {SUCCESS_WINDOW} training episodes succeeded"
    )
    checkpoint_every: int = _option(100_000, "frames between checkpoints")
    log_every: int | None = _option(
        None, f"unrolls per row of progress.csv; as many as fit into {ROW_FRAMES:,} frames when not given"
    )
    evaluation_episodes: int = _option(200, "episodes of the evaluation at the end")
    engine: str = _option(
        "serial", "serial: one thing after the other, in this process; ray: processes, on one machine or many"
    )
    num_actors: int = _option(1, "processes that act, each in an equal share of the lanes (engine ray)")
    num_distillers: int = _option(1, "processes that distil (engine ray)")
    queue_length: int = _option(
        0, "unrolls that each actor may be ahead of the learner; 0: acts on all that was learnt (engine ray)"
    )
    ray_address: str | None = _option(
        None, "cluster to run on, auto or HOST:PORT; this machine's cores when not given (engine ray)"
    )
    lockstep: bool = _option(
        False, "act, learn and distil in turn, with the numbers of the serial engine (engine ray)"
    )

    def __post_init__(self) -> None:
        """Refuse what cannot work, naming the option, the value and the choices."""
        for name in ("num_envs", "total_timesteps", "checkpoint_every", "evaluation_episodes"):
            self._require(name, getattr(self, name) >= 1, "at least 1")
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
            raise ValueError(f"{_flag(name)} must be {what}, got {getattr(self, name)!r}")

    @property
    def env_id(self) -> str:
        """The environment, which `parse` made sure of."""
        assert self.env is not None
        return self.env

    @property
    def env_settings(self) -> dict[str, Any]:
        """`env_kwargs`, read."""
        return dict(json.loads(self.env_kwargs))

    @property
    def ray_settings(self) -> RaySettings | None:
        """How the work is divided among processes; None where it is not."""
        if self.engine != "ray":
            return None
        return RaySettings(
            num_actors=self.num_actors,
            num_distillers=self.num_distillers,
            queue_length=self.queue_length,
            address=self.ray_address,
            lockstep=self.lockstep,
        )

    @property
    def name(self) -> str:
        """What the run is called: its preset, or else its environment."""
        return self.preset or self.env_id


@dataclass(frozen=True)
class Options:
    """All that the command line says."""

    agent: str
    run: RunSettings
    config: AgentConfig

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON-able values."""
        return {"run": dataclasses.asdict(self.run), "agent": self.agent, "config": self.config.to_dict()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Options:
        """Return what `to_dict` was made from.

        Raises:
            ValueError: Something is missing or unknown.
        """
        try:
            agent = content["agent"]
            kind, settings = find_algorithm(agent).config_class, content["config"]
            config = kind(**absent_settings(kind, settings) | settings)
            return cls(agent, RunSettings(**content["run"]), config)
        except (KeyError, TypeError) as problem:
            raise ValueError(f"the configuration is not one of this version: {problem}") from problem


def parse(program: str, arguments: Sequence[str] | None = None) -> Options:
    """Read the command line: dataclass defaults, below the preset or the resumed run, below what is given.

    Args:
        program: Module that is run, one of those in `registry.agents`; it trains the agents that name it.
        arguments: The command line; that of the process when None.

    Raises:
        SystemExit: Something cannot be read, or --help was asked for.
        ValueError: A value is out of range, or options contradict one another.
        FileNotFoundError: There is no run to resume.
    """
    defaults = _defaults(program, _first_look(arguments))
    options = _completed(_read(program, arguments, defaults))
    if options.run.resume is not None:
        _refuse_changes(defaults, options)
    return options


def differences(found: Options, wanted: Options) -> dict[str, tuple[Any, Any]]:
    """Return in what two runs are not the same experiment: by name, what is found and what is wanted."""
    pairs: dict[str, tuple[Any, Any]] = {"agent": (found.agent, wanted.agent)}
    pairs |= {name: (getattr(found.run, name), getattr(wanted.run, name)) for name in OF_THE_EXPERIMENT}
    differing = {name: (one, other) for name, (one, other) in pairs.items() if one != other}
    return differing | config_differences(found.config, wanted.config)


def config_differences(found: AgentConfig, wanted: AgentConfig) -> dict[str, tuple[Any, Any]]:
    """Return the settings of two agents that are not the same: by name, what is found and what is wanted."""
    ours, theirs = found.to_dict(), wanted.to_dict()
    pairs = {name: (ours.get(name), theirs.get(name)) for name in ours | theirs}
    return {name: (one, other) for name, (one, other) in pairs.items() if one != other}


def told(differing: Mapping[str, tuple[Any, Any]]) -> str:
    """Return differences as words."""
    return "; ".join(
        f"{name} is {found!r} instead of {wanted!r}" for name, (found, wanted) in differing.items()
    )


def _first_look(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The two options that decide what the defaults of the others are."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--preset")
    parser.add_argument("--resume")
    try:
        return parser.parse_known_args(arguments)[0]
    except argparse.ArgumentError:  # a value is missing; the full parser says so better
        return argparse.Namespace(preset=None, resume=None)


def _defaults(program: str, first: argparse.Namespace) -> Options:
    agents = [row.name for row in AGENTS.values() if row.program == program]
    if first.resume is not None:
        saved = Options.from_dict(RunDirectory.open(first.resume).read_config())
        _check_agent(saved.agent, agents, f"the run in {first.resume}")
        return dataclasses.replace(
            saved, run=dataclasses.replace(saved.run, resume=first.resume, run_dir=first.resume)
        )
    if first.preset is None:
        return Options(agents[0], RunSettings(), find_algorithm(agents[0]).config_class())
    preset = get_preset(first.preset)
    _check_agent(preset.agent, agents, f"preset {preset.name!r}")
    run = RunSettings(
        preset=preset.name,
        policy=preset.policy,
        env=preset.env,
        env_kwargs=json.dumps(preset.env_kwargs),
        num_envs=preset.num_envs,
        total_timesteps=preset.total_timesteps,
    )
    return Options(preset.agent, run, find_algorithm(preset.agent).config_class(**preset.overrides))


def _check_agent(agent: str, agents: list[str], whose: str) -> None:
    if agent not in agents:
        program = get_agent(agent).program
        raise ValueError(
            f"{whose} trains the agent {agent!r}, this program trains {', '.join(map(repr, agents))}: "
            f"use python -m {program}"
        )


def _read(program: str, arguments: Sequence[str] | None, defaults: Options) -> Options:
    config = type(defaults.config)
    flags = _flags(RunSettings, config)
    given = tyro.cli(
        flags,
        prog=f"python -m {program}",
        description=f"Train an agent: {get_agent(defaults.agent).title}.",
        default=flags(**dataclasses.asdict(defaults.run), **dataclasses.asdict(defaults.config)),
        args=arguments,
    )
    return Options(defaults.agent, _taken(RunSettings, given), _taken(config, given))


def _flags(*settings: type[Any]) -> type[Any]:
    """One dataclass with the fields of all, whose help and origin are where tyro looks for them.

    It checks nothing: tyro would report a value out of range as a fault of the program.
    """
    fields, annotated = [], cast(Any, Annotated)  # a type checker wants to read types, not to look them up
    for each in settings:
        hints = get_type_hints(each)
        for entry in dataclasses.fields(each):
            kind = annotated[hints[entry.name], tyro.conf.arg(help=_help(entry))]
            fields.append((entry.name, kind, field(default=entry.default)))
    return dataclasses.make_dataclass("CommandLine", fields, frozen=True)


def _help(entry: dataclasses.Field[Any]) -> str:
    origin = entry.metadata.get("origin")
    return entry.metadata["help"] + (f" [{origin}]" if origin else "")


def _taken(settings: type[Settings], given: Any) -> Settings:
    fields: Iterable[dataclasses.Field[Any]] = dataclasses.fields(cast(Any, settings))
    return settings(**{entry.name: getattr(given, entry.name) for entry in fields})


def _completed(options: Options) -> Options:
    """Fill in what was left to the program, so that it is written down."""
    run = options.run
    if run.env is None:
        raise ValueError(
            f"nothing to train on: give --preset, one of {_presets(options.agent)}, "
            "or --env and an environment id"
        )
    completed = dataclasses.replace(
        run,
        **_processes(run),
        run_dir=run.run_dir or _new_name(run),
        num_threads=run.num_threads or _threads(run),
        log_every=run.log_every or rows_apart(run.num_envs * options.config.unroll_length),
    )
    return dataclasses.replace(options, run=completed)


def _processes(run: RunSettings) -> dict[str, Any]:
    """The options of processes: without the Ray engine, those of no processes.

    A run that goes on without it may have had some; a new one must not ask for them in vain.
    """
    names = ("num_actors", "num_distillers", "queue_length", "ray_address", "lockstep")
    given = {name: getattr(run, name) for name in names}
    if run.engine == "ray":
        return given
    none = {entry.name: entry.default for entry in dataclasses.fields(run) if entry.name in names}
    for name in names:
        if run.resume is None and given[name] != none[name]:
            raise ValueError(f"{_flag(name)} {given[name]} needs --engine ray, got --engine {run.engine}")
    return none


def _threads(run: RunSettings) -> int:
    """Threads of torch that find a core each, beside the processes that the run has on this machine."""
    workers = run.num_actors + run.num_distillers if run.engine == "ray" and run.ray_address is None else 0
    return max(1, min(allowed_threads() or MAX_THREADS, MAX_THREADS, available_cores() - workers))


def rows_apart(unroll_frames: int) -> int:
    """Return how many unrolls of so many frames fit into ROW_FRAMES, at least one."""
    return max(1, ROW_FRAMES // unroll_frames)


def _presets(agent: str) -> str:
    """Those of the program that trains an agent."""
    program = get_agent(agent).program
    return ", ".join(row.name for row in PRESETS.values() if get_agent(row.agent).program == program)


def _new_name(run: RunSettings) -> str:
    name = run.name.rpartition(":")[2].replace("/", "-")
    return str(Path("runs") / f"{name}-s{run.seed}-{datetime.now():%Y%m%d-%H%M%S}")


def _refuse_changes(saved: Options, given: Options) -> None:
    """Refuse options that would make a resumed run another run."""
    for before, after in ((saved.run, given.run), (saved.config, given.config)):
        for name, value in dataclasses.asdict(after).items():
            kept = getattr(before, name)
            if value != kept and name not in CHANGEABLE:
                changeable = ", ".join(map(_flag, CHANGEABLE))
                raise ValueError(
                    f"{_flag(name)} {value} contradicts --resume: the run has {kept}; "
                    f"only {changeable} may change"
                )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
