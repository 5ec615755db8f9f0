"""Tiny translators, made once; the module that makes them lies beside this one."""

import importlib.util
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location(
    "tiny_translators", Path(__file__).with_name("tiny_translators.py")
)
tiny_translators = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tiny_translators)


@pytest.fixture(scope="session")
def translator_folders(tmp_path_factory):
    """Kind of translator → folder of a tiny random one."""
    root = tmp_path_factory.mktemp("translators")
    return {
        "nllb": tiny_translators.save_nllb(root / "nllb"),
        "m2m100": tiny_translators.save_m2m100(root / "m2m100"),
        "marian": tiny_translators.save_marian(root / "marian"),
        "marian-german": tiny_translators.save_marian(root / "marian-german", source="de"),
        "marian-into-german": tiny_translators.save_marian(root / "marian-into-german", target="de"),
    }
