"""Certificates on the command line: `python -m memory_envs.certificate MemoryEnvs/IMaze-v0`.

The exit status is 0 if every task requires memory, proved or as far as searched, 1 if that is not shown of
one of them, and 2 if the command line cannot be read. The line "memory required" says which it is.
"""

import argparse
import sys
from pathlib import Path

from memory_envs.certificate.shipped import save
from memory_envs.certificate.targets import certify
from memory_envs.commands import json_object
from registry.envs import ENVS


def main(arguments: list[str] | None = None) -> int:
    """Certify, print, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m memory_envs.certificate", description=__doc__)
    parser.add_argument("ids", nargs="*", metavar="ID", help="ids of environments (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the certificates to FILE")
    parser.add_argument(
        "--env-kwargs", type=json_object, default={}, metavar="JSON", help='settings, such as {"delay": 20}'
    )
    given = parser.parse_args(arguments)
    certificates = []
    for env_id in given.ids or [row.id for row in ENVS]:
        certificates.append(certify(env_id, env_kwargs=given.env_kwargs))
        print(certificates[-1], end="\n\n", flush=True)
    if given.json:
        save(certificates, given.json)
    return 0 if all(each.memory_required for each in certificates) else 1


if __name__ == "__main__":
    sys.exit(main())
