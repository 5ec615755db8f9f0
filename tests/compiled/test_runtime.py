import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
from fusion_demo.compiled.runtime import openvino
telemetry = openvino.tools.ovc.telemetry_utils.tm
print(telemetry.__name__, "openvino_telemetry" in sys.modules)
"""


def test_openvino_reports_to_nobody():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == ["openvino.tools.ovc.telemetry_stub", "False"]
