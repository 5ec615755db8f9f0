"""The tasks. To add one: write its file, and name it here."""

from fusion_demo.errors import ConfigError, unknown_name
from fusion_demo.tasks.base import Task
from fusion_demo.tasks.news import NEWS
from fusion_demo.tasks.reviews import REVIEWS
from fusion_demo.tasks.sentiment import SENTIMENT
from fusion_demo.tasks.sib200 import SIB200
from fusion_demo.tasks.xnli import XNLI

__all__ = ["TASKS", "Task", "get_task"]

TASKS: dict[str, Task] = {task.name: task for task in (NEWS, SIB200, XNLI, REVIEWS, SENTIMENT)}


def get_task(name: str) -> Task:
    """Return the task of a name.

    Raises:
        ConfigError: there is no such task.
    """
    if name not in TASKS:
        raise ConfigError(unknown_name("task", name, TASKS))
    return TASKS[name]
