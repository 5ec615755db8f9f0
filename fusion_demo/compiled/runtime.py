"""OpenVINO without its telemetry, which would report its import to a server on the internet.

It takes a second to import, so it is imported where it is needed, and from here alone.
"""

import sys

NAME = "openvino_telemetry"

# `None` makes the import of that package fail, and OpenVINO then goes without it.
_loaded = sys.modules.get(NAME)
sys.modules[NAME] = None  # type: ignore[assignment]
try:
    import openvino
    from openvino import opset13 as operations
    from openvino._offline_transformations import apply_make_stateful_transformation
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder
finally:
    if _loaded is None:
        del sys.modules[NAME]
    else:
        sys.modules[NAME] = _loaded

__all__ = [
    "FrontEndManager",
    "TorchScriptPythonDecoder",
    "apply_make_stateful_transformation",
    "openvino",
    "operations",
]
