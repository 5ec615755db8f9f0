"""Reports of `layers` that are kept: which there are, and whether they can be drawn."""

import logging
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fusion_demo.errors import DataError
from fusion_demo.languages import LANGUAGES
from fusion_demo.results.files import broken, read_metrics

PANELS = ("weights", "shares")

LOG = logging.getLogger(__name__)


def find_layer_reports(folders: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """Return the reports in some folders by title, as "sib200-transformer-softmax · dev".

    Files whose name begins with "layers" are read; of one title, the first one found. A file that is no such
    report is left out and said to be so in the log: one damaged file must not take the others along.
    """
    found: dict[str, dict[str, Any]] = {}
    for folder in folders:
        for path in sorted(folder.glob("layers*.json")):
            try:
                report = read_layer_report(path)
            except (DataError, OSError) as error:
                LOG.warning("%s", error)
                continue
            found.setdefault(f"{report['checkpoint']} · {report['split']}", report)
    return found


def read_layer_report(path: Path) -> dict[str, Any]:
    """Return what `layers` wrote to a file.

    Raises:
        DataError: it is not complete, or holds what is no number or no language.
    """
    report = read_metrics(path, "layers")
    try:
        layers, languages = report["layers"], report["languages"]
        whole = [report["checkpoint"], report["split"], report["task"]]
        usable = all(isinstance(value, str) for value in whole) and len(languages) > 0
        for code, use in languages.items():
            usable = usable and code in LANGUAGES and isinstance(use["n"], int)
            for panel in PANELS:
                low, high = use[f"{panel}_interval"]
                for values in (use[panel], low, high):
                    usable = usable and len(values) == len(layers) and all(map(math.isfinite, values))
    except (KeyError, TypeError, ValueError, AttributeError):
        usable = False
    if not usable:
        raise broken(path, "layers")
    return report
