"""The table of memory tasks: `python -m memory_envs.survey --json FILE --page FILE`.

Tasks that the JSON file holds are not measured again. It is written after each task.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from memory_envs.commands import FINISHED, refused, run_program
from memory_envs.files import check_output
from memory_envs.registry.lookup import look_up
from memory_envs.survey.page import save_page
from memory_envs.survey.records import read, write
from memory_envs.survey.tasks import TASKS, measured


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write, and return the exit status."""
    given = _parser().parse_args(arguments)
    try:
        tasks = [look_up(TASKS, "task", name) for name in given.tasks or TASKS]
        check_output("--json", given.json)
        check_output("--page", given.page)
        records = read(given.json) if given.json.exists() else {}
        for task in tasks:
            if task.name in records or given.page_only:
                continue
            if not task.is_installed:
                print(f"left out: {task.name} needs {task.library}, which is not installed", flush=True)
                continue
            print(f"{task.name} ...", flush=True)
            records[task.name] = measured(task)
            write({name: records[name] for name in TASKS if name in records}, given.json)
        if given.page:
            save_page(records, given.page)
    except (ValueError, OSError) as problem:
        return refused(problem)
    return FINISHED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m memory_envs.survey", description=__doc__)
    parser.add_argument("--json", type=Path, required=True, metavar="FILE", help="what was found, by task")
    parser.add_argument("--page", type=Path, metavar="FILE", help="also write the page")
    parser.add_argument("--page-only", action="store_true", help="measure nothing")
    parser.add_argument("--tasks", nargs="+", metavar="NAME", help="of these tasks only (default: all)")
    return parser


if __name__ == "__main__":
    run_program(main)
