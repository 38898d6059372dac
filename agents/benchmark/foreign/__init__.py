"""Tasks that other people made, and how agents with default settings do on them.

Importing it registers the tasks with Gymnasium, as "Foreign/<name>-v0":
`gymnasium.make("agents.benchmark.foreign:Foreign/RepeatPreviousEasy-v0")`.
"""

import gymnasium

from agents.benchmark.foreign.tasks import TASKS

for _task in TASKS.values():
    gymnasium.register(_task.id, "agents.benchmark.foreign.tasks:make_task", kwargs={"task": _task.name})

# Beside the table, whose agents choose among actions: one of which the action is a number.
gymnasium.register(
    "Foreign/PendulumWithoutVelocity-v0",
    "agents.benchmark.foreign.installed:pendulum_without_velocity",
)
