import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("fusion_demo", "train_cli", "serve")
SCRIPT = """
import sys, fusion_demo.frozen, fusion_demo.session
print("openvino" in sys.modules)
from fusion_demo.compiled.runtime import openvino
telemetry = openvino.tools.ovc.telemetry_utils.tm
print(telemetry.__name__, "openvino_telemetry" in sys.modules)
"""


def test_openvino_is_imported_where_it_is_needed_only_and_reports_to_nobody():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == ["False", "openvino.tools.ovc.telemetry_stub", "False"]


def test_nobody_else_imports_it():
    importers = [
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"^\s*(import|from) openvino", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert importers == ["fusion_demo/compiled/runtime.py"]
