"""Which of the field's memory tasks need memory, and how much of their score does not: one table."""

from memory_envs.survey.records import Record, read, write
from memory_envs.survey.tasks import TASKS, Task, measured

__all__ = ["TASKS", "Record", "Task", "measured", "read", "write"]
