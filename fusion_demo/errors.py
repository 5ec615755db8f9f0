"""Errors whose text is shown to the user as it stands.

    FusionDemoError
    ├── ConfigError        an option, a preset or a config file is wrong
    ├── ModelError         a frozen model cannot be fetched, verified, converted or loaded
    ├── ShapeError         tensors do not fit the bridge
    ├── CheckpointError    a checkpoint is missing, damaged or made for other models
    ├── DataError          a data file is missing or malformed
    ├── TrainingError      a training cannot go on: its numbers are no longer finite
    ├── InputError         a text typed by a user cannot be used
    └── BudgetError        a benchmark found more time, memory or space in use than its budget

Every message says what was wrong, what is available, and what to do next. Only the two
edges catch them: `train_cli` prints one line and exits with status 2, `fusion_demo.ui`
shows the text in the page.
"""

import difflib
from collections.abc import Iterable
from typing import Any

LONGEST_QUOTE = 100
"""Characters of a value that a message quotes; a damaged file may hold any number."""


class FusionDemoError(Exception):
    """Base of all errors that a user can cause and mend."""


class ConfigError(FusionDemoError):
    """An option, a preset or a config file is wrong."""


class ModelError(FusionDemoError):
    """A frozen model cannot be fetched, verified, converted or loaded."""


class ShapeError(FusionDemoError):
    """Tensors do not fit the bridge they were given to."""


class CheckpointError(FusionDemoError):
    """A checkpoint is missing, damaged or made for other frozen models."""


class DataError(FusionDemoError):
    """A data file is missing or malformed."""


class TrainingError(FusionDemoError):
    """A training cannot go on: its numbers are no longer finite."""


class InputError(FusionDemoError):
    """A text typed by a user cannot be used."""


class BudgetError(FusionDemoError):
    """A benchmark found more time, memory or space in use than its budget."""


def shown(value: Any) -> str:
    """Return a value as a message quotes it: on one line, at most `LONGEST_QUOTE` characters, and "…"."""
    text = repr(value)
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"


def unknown_name(kind: str, name: str, available: Iterable[str]) -> str:
    """Return the sentence for a name that is not in a registry.

    Example: `unknown_name("task", "new", ["news", "sib200"])` ->
    "Unknown task 'new'. Did you mean 'news'? Available: news, sib200."
    """
    choices = sorted(available)
    close = difflib.get_close_matches(name, choices, n=1) if len(name) <= LONGEST_QUOTE else []
    hint = f" Did you mean '{close[0]}'?" if close else ""
    return f"Unknown {kind} {shown(name)}.{hint} Available: {', '.join(choices)}."
