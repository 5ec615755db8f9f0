"""Write the README's tables of options from the config dataclasses: `make docs`.

The tables stand between two marker lines, and `tests/test_readme.py` fails when they are stale.
"""

import dataclasses
from pathlib import Path

from fusion_demo.config import PRESETS, BridgeConfig, TrainConfig

BEGIN, END = "<!-- options:begin -->", "<!-- options:end -->"


def option_table(kind: type) -> str:
    """Return a config's options as a Markdown table: flag, default, meaning.

    Example row: "| `--epochs` | `1` | passes over the training examples |"
    """
    rows = [
        f"| `--{field.name.replace('_', '-')}` | {default_cell(field.default)} | {field.metadata['help']} |"
        for field in dataclasses.fields(kind)
    ]
    return "\n".join(["| option | default | meaning |", "|---|---|---|", *rows])


def preset_table() -> str:
    """Return the presets as a Markdown table: name, and the options that it sets."""
    rows = [
        f"| `{name}` | {', '.join(f'`{option}: {value}`' for option, value in values.items())} |"
        for name, values in PRESETS.items()
    ]
    return "\n".join(["| preset | sets |", "|---|---|", *rows])


def default_cell(value: str | float | bool) -> str:
    """Return a default as the command line shows it: booleans as on/off, the empty text as a blank."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"`{value}`" if value != "" else ""


def with_options(readme: str) -> str:
    """Return the README with its tables made anew; the text around them stays."""
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    tables = (
        f"The bridge (saved in the checkpoint's `config.json`):\n\n{option_table(BridgeConfig)}\n\n"
        f"Its training:\n\n{option_table(TrainConfig)}\n\n"
        f"Presets; without `--preset`, `embedded` holds:\n\n{preset_table()}"
    )
    return f"{before}{BEGIN}\n{tables}\n{END}{after}"


if __name__ == "__main__":
    path = Path(__file__).resolve().parents[1] / "README.md"
    path.write_text(with_options(path.read_text("utf-8")), "utf-8")
