"""Minari datasets of episodes: `python -m memory_envs.dataset record ID --policy perfect_memory`."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium

from memory_envs.commands import FINISHED, add_env_kwargs, refused, run_program
from memory_envs.dataset import storage
from memory_envs.dataset.recipes import RECIPES, build
from memory_envs.dataset.trained import trained_policy
from memory_envs.policies import Policy, reference_policy
from memory_envs.registry.lookup import look_up
from memory_envs.replay import NAMESPACE

ENV = "MemoryEnvs/IMaze-v0"
"""What reference policies play unless told otherwise."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Returns:
        The exit status: 0 finished, 2 refused.
    """
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], None] = options.run
    try:
        run(options)
    except (ValueError, TypeError, OSError, ImportError, gymnasium.error.Error) as problem:
        return refused(problem)
    return FINISHED


def _record(options: argparse.Namespace) -> None:
    storage.new_path(options.id)
    env, policy, player = _played(options)
    told = {name: getattr(options, name) for name in _TOLD if getattr(options, name) is not None}
    named = {"algorithm_name": player} | told
    print(_summary(storage.record(options.id, env, policy, options.episodes, seed=options.seed, **named)))


def _played(options: argparse.Namespace) -> tuple[gymnasium.Env[Any, Any], Policy, str]:
    """The environment, who plays in it, and the name of that."""
    if options.actor is None:
        env = _made(options.env or ENV, options.env_kwargs)
        return env, reference_policy(options.policy, env, options.seed), options.policy
    policy, env_id, settings = trained_policy(
        options.actor, seed=options.seed, deterministic=options.deterministic
    )
    chosen = options.env or env_id
    return _made(chosen, (settings if chosen == env_id else {}) | options.env_kwargs), policy, options.actor


def _made(env_id: str, settings: dict[str, Any]) -> gymnasium.Env[Any, Any]:
    spec = gymnasium.spec(env_id)
    if not spec.id.startswith(NAMESPACE):
        raise ValueError(f"--env must be an id that starts with {NAMESPACE!r}, got {env_id!r}")
    return gymnasium.make(env_id, **settings)


def _build(options: argparse.Namespace) -> None:
    for dataset_id in options.ids:
        look_up(RECIPES, "dataset", dataset_id)
    for dataset_id in options.ids or RECIPES:
        storage.new_path(dataset_id)
    for dataset_id in options.ids or RECIPES:
        print(_summary(build(dataset_id)), flush=True)


def _verify(options: argparse.Namespace) -> None:
    minari = storage.require_minari()
    there = minari.list_local_datasets()
    for dataset_id in options.ids:
        look_up(there, "dataset", dataset_id)
    for dataset_id in options.ids:
        dataset = minari.load_dataset(dataset_id)
        steps = storage.verify(dataset)
        print(f"{dataset_id}: {dataset.total_episodes} episodes, every one of {steps} steps verified")


def _summary(dataset: Any) -> str:
    episodes = list(dataset.storage.get_episode_metadata(dataset.episode_indices))
    mean, success = (
        sum(each[name] for each in episodes) / len(episodes) for name in ("rewards_sum", "success")
    )
    return (
        f"{dataset.spec.dataset_id}: {dataset.total_episodes} episodes, {dataset.total_steps} steps, "
        f"mean return {mean:.3f}, success {success:.3f}; {dataset.storage.get_size()} MB in "
        f"{dataset.spec.data_path}"
    )


_TOLD = {
    "description": "what it is good for",
    "author": "whose it is",
    "author_email": "whom to ask",
    "code_permalink": "where the code is that made it",
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m memory_envs.dataset", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    record = commands.add_parser("record", help="play episodes and write them as a new dataset")
    record.set_defaults(run=_record)
    record.add_argument("id", metavar="ID", help='of the dataset, "namespace/name-v0"')
    player = record.add_mutually_exclusive_group()
    player.add_argument("--policy", default="perfect_memory", help="reference policy that plays; %(default)s")
    player.add_argument(
        "--actor", metavar="NAME_OR_RUN", help="actor that ships, run directory or model file"
    )
    record.add_argument("--env", metavar="ENV_ID", help=f"environment; {ENV}, or that of the actor")
    add_env_kwargs(record)
    record.add_argument("--episodes", type=int, default=100, metavar="N", help="how many; %(default)s")
    record.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of episodes and actions; %(default)s"
    )
    record.add_argument("--deterministic", action="store_true", help="an actor takes greedy actions")
    for name, what in _TOLD.items():
        record.add_argument(f"--{name.replace('_', '-')}", metavar="TEXT", help=what)
    built = commands.add_parser("build", help=f"write the described datasets: {', '.join(RECIPES)}")
    built.set_defaults(run=_build)
    built.add_argument("ids", nargs="*", metavar="ID", help="which; all unless given")
    verified = commands.add_parser("verify", help="play every episode again, and compare")
    verified.set_defaults(run=_verify)
    verified.add_argument("ids", nargs="+", metavar="ID", help="of the datasets")
    return parser


if __name__ == "__main__":
    run_program(main)
