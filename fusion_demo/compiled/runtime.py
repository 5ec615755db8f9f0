"""OpenVINO without its telemetry, which would report its import to a server on the internet."""

import sys

NAME = "openvino_telemetry"

# `None` makes the import of that package fail, and OpenVINO then goes without it.
_loaded = sys.modules.get(NAME)
sys.modules[NAME] = None  # type: ignore[assignment]
try:
    import openvino
    from openvino import opset13 as operations
finally:
    if _loaded is None:
        del sys.modules[NAME]
    else:
        sys.modules[NAME] = _loaded

__all__ = ["openvino", "operations"]
