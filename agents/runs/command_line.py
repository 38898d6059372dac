"""The command line of training: what is given, above the preset or the resumed run, above the defaults."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import tyro

from agents.learning.tasks import TaskSettings
from agents.learning.tasks import parsed as parsed_task
from agents.process.devices import checked_device
from agents.process.provenance import allowed_threads, available_cores, idle_cores
from agents.runs.directory import RunDirectory
from agents.runs.options import Options
from agents.runs.settings import OF_THE_RAY_ENGINE, RunSettings, flag, rows_apart
from agents.vec_env.make import id_from_file
from memory_envs.registry.agents import AGENTS, get_agent
from memory_envs.registry.presets import get_preset, listed_presets

# The training program, for `python -m`.
PROGRAM = "agents.train"
# The agent that is trained unless --agent, --preset or --resume says which.
DEFAULT_AGENT = "ald"
# What may change when a run is resumed; anything else would make it another run.
CHANGEABLE = (
    *("total_timesteps", "device", "num_threads", "stop_at_success", "checkpoint_every"),
    *("keep_snapshots", "evaluation_episodes", "engine", *OF_THE_RAY_ENGINE),
)
# More threads than this do not pay for networks this small.
MAX_THREADS = 4


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line of training.

    Args:
        arguments: The command line; that of the process when None.

    Raises:
        SystemExit: Something cannot be read, or --help was asked for.
        ValueError: A value is out of range, or options contradict one another.
        FileNotFoundError: There is no run to resume.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    defaults = _defaults(arguments)
    given, trust_env_module = _read(arguments, defaults)
    if given.agent != defaults.agent:
        source = "--resume" if given.run.resume else f"--preset {given.run.preset}"
        raise ValueError(f"--agent {given.agent} contradicts {source}, which trains {defaults.agent}")
    options = _completed(given)
    if options.run.resume is not None:
        _refuse_changes(defaults, options)
        _refuse_strangers(options, arguments, trust_env_module)
    return options


def _defaults(arguments: Sequence[str]) -> Options:
    """The options before any is given, chosen by three options: --resume, --preset and --agent."""
    resumed, preset, agent = (_value(name, arguments) for name in ("--resume", "--preset", "--agent"))
    if resumed is not None:
        saved = Options.from_dict(RunDirectory.open(resumed).read_config())
        run = dataclasses.replace(saved.run, resume=resumed, run_dir=resumed)
        return dataclasses.replace(saved, run=run)
    if preset is not None:
        return Options.of_preset(get_preset(preset))
    return Options.of_agent(DEFAULT_AGENT if agent is None else agent)


def _value(option: str, arguments: Sequence[str]) -> str | None:
    """The last value that the command line gives an option; None if there is none."""
    found = None
    for this, following in pairwise([*arguments, "--"]):
        if this.startswith(f"{option}="):
            found = this.removeprefix(f"{option}=")
        elif this == option and not following.startswith("--"):  # else a value is missing, which tyro reports
            found = following
    return found


def _read(arguments: Sequence[str], defaults: Options) -> tuple[Options, bool]:
    """The options given, and whether the environment's module may be imported, which no file may say."""
    kinds = (RunSettings, type(defaults.config))
    values = {
        "agent": defaults.agent,
        "trust_env_module": False,
        **defaults.run.to_dict(),
        **defaults.config.to_dict(),
    }
    groups = _grouped(
        [_agent_option(defaults.agent), *_options(RunSettings), _TRUST_OPTION, *_options(kinds[1])]
    )
    parts = {name: dataclasses.make_dataclass(name, options) for name, options in groups.items()}
    flags = dataclasses.make_dataclass("CommandLine", list(parts.items()))
    given = tyro.cli(
        flags,
        prog=f"python -m {PROGRAM}",
        description=_description(defaults),
        default=flags(
            **{
                name: part(**{option: values[option] for option, *_ in groups[name]})
                for name, part in parts.items()
            }
        ),
        args=arguments,
        config=(tyro.conf.OmitArgPrefixes,),
    )
    read = {name: value for part in vars(given).values() for name, value in vars(part).items()}
    return Options(read["agent"], *(_taken(kind, read) for kind in kinds)), read["trust_env_module"]


# A field of a dataclass: its name, its type with what tyro is to show, its default.
_Option = tuple[str, Any, Any]

# The groups of options that --help shows beside those of the run and those of the learner.
GROUPS: dict[str, tuple[str, ...]] = {
    "v_mpo": (
        *("eta_init", "eps_eta", "alpha_init", "eps_alpha", "dual_learning_rate", "target_period"),
        "importance_weights",
    ),
    "v_trace": ("rho_bar", "c_bar", "value_trace_decay", "policy_trace_decay"),
    "primal_dual": ("advantage_penalty",),
    "distillation": (
        *("policy_coef", "distilled_value_coef", "learner_regularisation", "distillation_direction"),
        *("distillation_steps", "distillation_window", "memory_distillation"),
    ),
    "teaching": ("teachers", "tasks", "temperature"),
    "engine": ("engine", *OF_THE_RAY_ENGINE),
}


def _grouped(options: Sequence[_Option]) -> dict[str, list[_Option]]:
    """Options by the group that --help shows them in, in its order; no group is empty."""
    of_run = {"agent", "trust_env_module", *(entry.name for entry in dataclasses.fields(RunSettings))}
    where = {option: group for group, names in GROUPS.items() for option in names}
    groups: dict[str, list[_Option]] = {name: [] for name in ("run", "learner", *GROUPS)}
    for option in options:
        groups[where.get(option[0], "run" if option[0] in of_run else "learner")].append(option)
    return {name: found for name, found in groups.items() if found}


_TRUST_HELP = 'with --resume: import the module that the run names, where its environment is a "module:id"'
_TRUST_OPTION: _Option = (
    "trust_env_module",
    Annotated[bool, tyro.conf.arg(help=_TRUST_HELP)],
    field(default=False),
)


def _agent_option(agent: str) -> _Option:
    text = f"agent to train, one of {', '.join(AGENTS)}; a preset or a resumed run has its own"
    return "agent", Annotated[str, tyro.conf.arg(help=text)], field(default=agent)


def _options(settings: type[Any]) -> Iterator[_Option]:
    """The fields of a dataclass with help and origin, and without its checks.

    Those come later: tyro would report a value out of range as a fault of the program.
    """
    hints = get_type_hints(settings)
    annotated: Any = Annotated  # mypy wants to read types, not to look them up
    for entry in dataclasses.fields(settings):
        origin = entry.metadata.get("origin")
        text = entry.metadata["help"] + (f" [{origin}]" if origin else "")
        shown = tyro.conf.arg(help=text, help_behavior_hint=_default_hint)
        yield entry.name, annotated[hints[entry.name], shown], field(default=entry.default)


def _default_hint(default: str) -> str:
    """As tyro has it, but that no names are None as well."""
    return f"(default: {default or None})"


def _taken(settings: type[Any], given: Mapping[str, Any]) -> Any:
    names = [entry.name for entry in dataclasses.fields(settings)]
    return settings(**{name: given[name] for name in names})


def _description(defaults: Options) -> str:
    """What --help begins with."""
    title = get_agent(defaults.agent).title
    if defaults.run.preset is not None or defaults.run.resume is not None:
        return f"Train {title}."
    of_others = f"Options of {title} (of others: --preset NAME --help, --agent NAME --help)"
    return f"Train an agent. Presets:\n{listed_presets()}\n\n{of_others}"


def _completed(options: Options) -> Options:
    """Fill in what was left to the program, so that it is written down."""
    run = _evaluated_in_first_task(options)
    if run.env is None:
        raise ValueError("nothing to train on: give --preset NAME, which --help lists, or --env ID")
    checked_device(run.device)
    completed = dataclasses.replace(
        run,
        **_ray_options(run),
        run_dir=run.run_dir or _new_name(run),
        num_threads=run.num_threads or _threads(run),
        log_every=run.log_every or rows_apart(run.num_envs * options.config.unroll_length),
    )
    return dataclasses.replace(options, run=completed)


def _evaluated_in_first_task(options: Options) -> RunSettings:
    """The settings of the run, whose environment is the first of several tasks unless it is given."""
    tasks = options.config.tasks if isinstance(options.config, TaskSettings) else ()
    if options.run.env is not None or not tasks:
        return options.run
    first = parsed_task(tasks[0])
    return dataclasses.replace(options.run, env=first.env_id, env_kwargs=json.dumps(first.settings))


def _ray_options(run: RunSettings) -> dict[str, Any]:
    """The options of the Ray engine, which are back at their defaults where a run is resumed without it.

    Raises:
        ValueError: A new run asks for some without the engine.
    """
    given = {name: getattr(run, name) for name in OF_THE_RAY_ENGINE}
    if run.engine == "ray":
        return given
    none = {entry.name: entry.default for entry in dataclasses.fields(run) if entry.name in given}
    for name, value in given.items():
        if run.resume is None and value != none[name]:
            raise ValueError(f"{flag(name)} {value} needs --engine ray, got --engine {run.engine}")
    return none


def _threads(run: RunSettings) -> int:
    """Threads of torch that find an idle core each, beside the processes that the run has on this machine.

    Threads wait for one another many times a second: one that has to share its core holds up all.
    """
    workers = run.num_actors + run.num_distillers if run.engine == "ray" and run.ray_address is None else 0
    most = min(allowed_threads() or MAX_THREADS, MAX_THREADS, available_cores() - workers)
    return max(1, min(most, idle_cores() - workers)) if most > 1 else 1


def _new_name(run: RunSettings) -> str:
    name = (run.preset or run.env_id).rpartition(":")[2].replace("/", "-")
    return str(Path("runs") / f"{name}-s{run.seed}-{datetime.now():%Y%m%d-%H%M%S}")


def _refuse_changes(saved: Options, given: Options) -> None:
    """Refuse options that would make a resumed run another run."""
    for before, after in ((saved.run, given.run), (saved.config, given.config)):
        for name, value in after.to_dict().items():
            kept = getattr(before, name)
            if value != kept and name not in CHANGEABLE:
                changeable = ", ".join(map(flag, CHANGEABLE))
                raise ValueError(
                    f"{flag(name)} {value} contradicts --resume: the run has {kept}; "
                    f"only {changeable} may change"
                )


def _refuse_strangers(options: Options, arguments: Sequence[str], trust_env_module: bool) -> None:
    """Refuse to run code of somebody else's that the folder of a run names and nobody has typed.

    Raises:
        UntrustedModule: Its environment, or one of its tasks, is a "module:id".
        ValueError: It ran on a Ray cluster, from which pickles would be read.
    """
    run, config = options.run, RunDirectory(str(options.run.resume)).config
    if _value("--env", arguments) is None:
        id_from_file(run.env_id, config, trust_env_module)
    if isinstance(options.config, TaskSettings) and _value("--tasks", arguments) is None:
        for task in options.config.tasks:
            id_from_file(parsed_task(task).env_id, config, trust_env_module)
    address = run.ray_address if run.engine == "ray" else None
    if address not in (None, "auto") and _value("--ray-address", arguments) is None:
        raise ValueError(
            f"{config} names the Ray cluster {address!r}: to join it, say --ray-address {address}; to run on "
            "this machine, say --engine serial"
        )
