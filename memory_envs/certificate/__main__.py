"""Certificates on the command line: `python -m memory_envs.certificate MemoryEnvs/IMaze-v0`.

Ids may be any that Gymnasium knows, `FrozenLake-v1` or `minigrid:MiniGrid-MemoryS7-v0`.

The exit status is 0 if every task requires memory, proved or as far as searched, 1 if that is not shown of
one of them, and 2 if nothing was judged: an id, a setting or a file that cannot be used, a task that is too
large. The line "memory required" says which it is.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium

from memory_envs.certificate.shipped import save
from memory_envs.certificate.targets import certify, check_id
from memory_envs.commands import add_env_kwargs, refused, run_program
from memory_envs.files import check_output
from memory_envs.finite.copied import SCORES
from memory_envs.registry.envs import ENVS

REQUIRED, NOT_SHOWN = 0, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Certify, print, and return the exit status."""
    given = _parser().parse_args(arguments)
    ids = given.ids or [row.id for row in ENVS]
    try:
        check_output("--json", given.json)
        for env_id in ids:  # before the first of them is computed for minutes
            check_id(env_id, given.env_kwargs, _finite(given))
    except (ValueError, TypeError, ImportError, OSError, gymnasium.error.Error) as problem:
        return refused(problem)
    certificates = []
    try:
        for env_id in ids:
            certificates.append(certify(env_id, env_kwargs=given.env_kwargs, finite=_finite(given)))
            print(certificates[-1], end="\n\n", flush=True)
        if given.json:
            save(certificates, given.json)
    except (ValueError, OSError) as problem:
        return refused(problem)
    return REQUIRED if all(each.memory_required for each in certificates) else NOT_SHOWN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m memory_envs.certificate", description=__doc__)
    parser.add_argument("ids", nargs="*", metavar="ID", help="ids of environments (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the certificates to FILE")
    add_env_kwargs(parser)
    foreign = parser.add_argument_group("environments of others")
    foreign.add_argument("--clock", action="append", metavar="NAME", help="an attribute that counts steps")
    foreign.add_argument("--ignored", action="append", metavar="NAME", help="one that tells no states apart")
    foreign.add_argument("--score", choices=SCORES, help="what is valued (default: return)")
    return parser


def _finite(given: argparse.Namespace) -> dict[str, Any]:
    """Return the options of `memory_envs.finite.FiniteGym` that were given."""
    return {name: getattr(given, name) for name in ("clock", "ignored", "score") if getattr(given, name)}


if __name__ == "__main__":
    run_program(main)
