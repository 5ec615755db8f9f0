"""The tasks. To add one: write its file, and name it here."""

from fusion_demo.errors import ConfigError, unknown_name
from fusion_demo.tasks.base import Task
from fusion_demo.tasks.chat import CHAT
from fusion_demo.tasks.echo import ECHO
from fusion_demo.tasks.hub import HubSource
from fusion_demo.tasks.indicxnli import INDICXNLI
from fusion_demo.tasks.news import NEWS
from fusion_demo.tasks.reviews import REVIEWS
from fusion_demo.tasks.sentiment import SENTIMENT
from fusion_demo.tasks.sib200 import SIB200
from fusion_demo.tasks.sinhala_news import SINHALA_NEWS
from fusion_demo.tasks.xnli import XNLI

__all__ = ["TASKS", "WRITING_TASKS", "HubSource", "Task", "get_task", "get_training_task"]

TASKS: dict[str, Task] = {
    task.name: task for task in (XNLI, INDICXNLI, NEWS, SINHALA_NEWS, SIB200, REVIEWS, SENTIMENT)
}
"""Tasks that choose among labels, by name."""

WRITING_TASKS: dict[str, Task] = {task.name: task for task in (ECHO, CHAT)}
"""Tasks that are answered freely, by name."""


def get_task(name: str) -> Task:
    """Return the task of a name that chooses among labels.

    Raises:
        ConfigError: there is no such task.
    """
    if name not in TASKS:
        raise ConfigError(unknown_name("task", name, TASKS))
    return TASKS[name]


def get_training_task(name: str) -> Task:
    """Return the task of a name, whether it chooses among labels or is answered freely.

    Raises:
        ConfigError: there is no such task.
    """
    return WRITING_TASKS[name] if name in WRITING_TASKS else get_task(name)
