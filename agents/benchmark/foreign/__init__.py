"""Tasks that other people made, and how agents with default settings do on them.

Importing it registers the tasks with Gymnasium, as "Foreign/<name>-v0":
`gymnasium.make("agents.benchmark.foreign:Foreign/RepeatPreviousEasy-v0")`.
"""

import gymnasium

from agents.benchmark.foreign.tasks import TASKS

for _task in TASKS.values():
    gymnasium.register(_task.id, "agents.benchmark.foreign.tasks:make_task", kwargs={"task": _task.name})
