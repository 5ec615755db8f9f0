"""Errors whose text is shown to the user as it stands.

    FusionDemoError
    ├── ConfigError        an option, a preset or a config file is wrong
    ├── ModelError         a frozen model cannot be fetched, verified, converted or loaded
    ├── ShapeError         tensors do not fit the bridge
    ├── CheckpointError    a checkpoint is missing, damaged or made for other models
    ├── DataError          a data file is missing or malformed
    └── InputError         a text typed by a user cannot be used

Every message says what was wrong, what is available, and what to do next. Only the two
edges catch them: `train_cli` prints one line and exits with status 2, `fusion_demo.ui`
shows the text in the page.
"""

import difflib
from collections.abc import Iterable


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


class InputError(FusionDemoError):
    """A text typed by a user cannot be used."""


def unknown_name(kind: str, name: str, available: Iterable[str]) -> str:
    """Return the sentence for a name that is not in a registry.

    Example: `unknown_name("task", "new", ["news", "sib200"])` ->
    "Unknown task 'new'. Did you mean 'news'? Available: news, sib200."
    """
    choices = sorted(available)
    close = difflib.get_close_matches(name, choices, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    return f"Unknown {kind} '{name}'.{hint} Available: {', '.join(choices)}."
