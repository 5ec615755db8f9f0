"""Write docs/options.md from the config dataclasses and from `benchmark`: `make docs`.

`tests/test_readme.py` fails when it is stale.
"""

import argparse
import dataclasses
from pathlib import Path

from fusion_demo.config import BridgeConfig, TrainConfig, flag_of
from fusion_demo.presets import DEFAULT_PRESET, PRESETS, RECIPES
from fusion_demo.settings import Settings, variable_of
from train_cli.benchmark import MEASUREMENTS, add_arguments

BENCHMARK_OUTPUT = "file to write, as docs/metrics/benchmark-NAME.json"


def option_table(kind: type) -> str:
    """Return a config's options as a Markdown table: flag, default, meaning.

    Example row: "| `--epochs` | `1` | passes over the training examples |"
    """
    rows = [
        f"| `{flag_of(field.name)}` | {default_cell(field.default)} | {field.metadata['help']} |"
        for field in dataclasses.fields(kind)
    ]
    return "\n".join(["| option | default | meaning |", "|---|---|---|", *rows])


def preset_table() -> str:
    """Return the presets and their recipes as a Markdown table: preset, task, and the options they set."""
    sets = {
        (preset, task): values
        for preset in PRESETS
        for task, values in {"every": PRESETS[preset], **RECIPES.get(preset, {})}.items()
    }
    rows = [
        f"| `{preset}` | {task} | {', '.join(f'`{option}: {value}`' for option, value in values.items())} |"
        for (preset, task), values in sets.items()
    ]
    return "\n".join(["| preset | task | sets |", "|---|---|---|", *rows])


def benchmark_table() -> str:
    """Return the options of all measurements as a Markdown table: flag, measurements, meaning and default.

    Example row: "| `--shapes` | `table5` | models: … (default: embedded) |"
    """
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    commands = next(a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    where: dict[tuple[str, str], list[str]] = {}
    for name, command in commands.items():
        for action in command._actions:
            flag = action.option_strings[-1]
            if flag != "--help":
                text = BENCHMARK_OUTPUT if flag == "--output" else action.help
                where.setdefault((flag, text), []).append(name)
    rows = [
        f"| `{flag}` | {'all' if len(names) == len(MEASUREMENTS) else ', '.join(f'`{n}`' for n in names)} "
        f"| {text} |"
        for (flag, text), names in where.items()
    ]
    return "\n".join(["| option | of | meaning |", "|---|---|---|", *rows])


def default_cell(value: str | float | bool) -> str:
    """Return a default as the command line shows it: booleans as on/off, the empty text as a blank."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"`{value}`" if value != "" else ""


def settings_table() -> str:
    """Return the settings of the page as a Markdown table: option, environment variable, default, meaning."""
    rows = [
        f"| `{flag_of(field.name)}` | `{variable_of(field.name)}` | {setting_cell(field.default)} | "
        f"{field.metadata['help']} |"
        for field in dataclasses.fields(Settings)
    ]
    return "\n".join(["| option | variable | default | meaning |", "|---|---|---|---|", *rows])


def setting_cell(value: str | int | bool) -> str:
    """Return a default as the table shows it; what is empty has its meaning in the next cell."""
    return "" if value == 0 and value is not False else default_cell(value)


def options_page() -> str:
    """Return the page of all options, as Markdown."""
    return f"""# Options

Made by `make docs` from the code; do not edit by hand. On/off options are set with `--projection-norm` and
`--no-projection-norm`.

- [train](#train), the bridge and its training; [presets](#presets)
- [page](#page), the settings of `app.py`
- [benchmark](#benchmark)

## train

The bridge (saved in the checkpoint's `config.json`):

{option_table(BridgeConfig)}

Its training:

{option_table(TrainConfig)}

## presets

Without `--preset`, `{DEFAULT_PRESET}` holds. What it has for a task, the recipe of the shipped checkpoints,
wins over what it has for every task; the warm start is left out of it where `--init-from` is given.

{preset_table()}

## page

Every setting is an option of `python app.py` and an environment variable; the option wins. A switch is
`--share` or `--no-share`, in the environment `on` or `off`.

{settings_table()}

## benchmark

{benchmark_table()}
"""


if __name__ == "__main__":
    Path(__file__).with_name("options.md").write_text(options_page(), "utf-8")
