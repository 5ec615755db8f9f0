"""Rules of the house that no single file shows: imports, file sizes, file names, banned calls.

The order of the rooms is read from the table in docs/architecture.md, so the document cannot drift.
"""

import ast
import functools
import graphlib
import importlib.metadata
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAX_LINES = 350


def package_files() -> list[str]:
    """Return our modules' paths: the library, the command line, the app, and the app in several processes."""
    folders = ("fusion_demo", "train_cli", "serve")
    paths = [ROOT / "app.py", *(path for folder in folders for path in (ROOT / folder).rglob("*.py"))]
    return sorted(path.relative_to(ROOT).as_posix() for path in paths)


def module_name(path: str) -> str:
    """Return the dotted name of a file. Example: "fusion_demo/ui/__init__.py" -> "fusion_demo.ui"."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def room_ranks(table: str) -> dict[str, int]:
    """Return room -> place in the import order, from the rows of a Markdown table.

    The package's own `__init__.py` comes after its rooms: it may show names of all of them, and none
    of them may import from it. The entry points share the last place but one and do not know each other;
    `serve/` is the app's page over several processes.
    """
    rooms = re.findall(r"^\| `(fusion_demo/[^`]+)` \|", table, re.MULTILINE)
    last = len(rooms) + 1
    return {room: i for i, room in enumerate(rooms)} | {
        "fusion_demo/__init__.py": last - 1,
        "app.py": last,
        "train_cli/": last,
        "serve/": last + 1,
    }


def room_of(path: str, ranks: dict[str, int]) -> str:
    """Return the room that a file stands in: the file itself or one of its folders."""
    for room in ranks:
        if path == room or (room.endswith("/") and path.startswith(room)):
            return room
    raise AssertionError(f"{path} stands in no room of docs/architecture.md")


@functools.cache
def imported_names(source: str) -> frozenset[str]:
    """Return the dotted names that a module imports, at its top or within a function.

    Example: "from a.b import c" -> {"a.b.c"}; "import a.b" -> {"a.b"}; "from . import c" -> {".c"}
    """
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (f"{node.module}." if node.module else "")
            names |= {start + alias.name for alias in node.names}
    return frozenset(names)


def imported_files(source: str, files: dict[str, str]) -> set[str]:
    """Return those of our files that a module imports; `files` maps module names to paths.

    The longest module that a name starts with is the one imported:
    "fusion_demo.errors.ConfigError" -> fusion_demo/errors.py; "torch.nn" -> nothing.
    """
    found = set()
    for name in imported_names(source):
        while name and name not in files:
            name = name.rpartition(".")[0]
        if name:
            found.add(files[name])
    return found


def import_faults(path: str, source: str, files: dict[str, str], ranks: dict[str, int]) -> list[str]:
    """Return what is wrong with a module's imports, one sentence each."""
    here = room_of(path, ranks)
    faults = [f"{name}: write the full name" for name in imported_names(source) if name.startswith(".")]
    if here not in ("fusion_demo/ui/", "app.py") and "gradio" in {
        n.split(".")[0] for n in imported_names(source)
    }:
        faults.append("gradio belongs in fusion_demo/ui and app.py")
    for imported in sorted(imported_files(source, files)):
        there = room_of(imported, ranks)
        in_one_folder = there == here and here.endswith("/")
        if not (ranks[there] < ranks[here] or in_one_folder):
            faults.append(f"{imported} does not stand above {path}")
    return faults


def banned_uses(source: str) -> list[str]:
    """Return the uses of what no module may do: unpickle, run text as code, run a hub's code."""
    unpicklers = ("pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal")
    found = [name for name in imported_names(source) if name.split(".")[0] in unpicklers]
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id="eval" | "exec" as name)):
                found.append(name)
            case ast.Attribute(value=ast.Name(id="torch"), attr="load"):
                found.append("torch.load")
            case ast.keyword(arg="trust_remote_code", value=ast.Constant(value=True)):
                found.append("trust_remote_code=True")
    return found


def process_reads(source: str) -> list[str]:
    """Return the uses of the command line and of the environment."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="sys"), attr="argv"):
                found.append("sys.argv")
            case ast.Attribute(value=ast.Name(id="os"), attr="environ" | "getenv" | "putenv" as name):
                found.append(f"os.{name}")
    return found


FILES = {module_name(path): path for path in package_files()}
RANKS = room_ranks((ROOT / "docs/architecture.md").read_text("utf-8"))
PACKAGES = importlib.metadata.packages_distributions()
MORE = {"serve/": "requirements-serve.txt"}
MAY_READ_PROCESS = ("app.py", "train_cli/", "serve/__main__.py", "fusion_demo/pretrained/cache.py")


def faulty(faults_of: Callable[[str], object]) -> dict[str, object]:
    """Return what a rule finds in our files, by path; nothing of those that keep it."""
    return {path: found for path in FILES.values() if (found := faults_of(path))}


@functools.cache
def read(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


def test_a_module_imports_only_what_stands_above_it():
    assert faulty(lambda path: import_faults(path, read(path), FILES, RANKS)) == {}


def test_no_import_goes_in_a_circle():
    graph = {path: imported_files(read(path), FILES) - {path} for path in FILES.values()}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


def unlisted(path: str) -> set[str]:
    """Return the packages that a module imports and no list of requirements has."""
    names = {name.split(".")[0] for name in imported_names(read(path))}
    foreign = names - {"app", "fusion_demo", "train_cli", "serve", *sys.stdlib_module_names}
    lists = ["requirements.txt", *(more for room, more in MORE.items() if path.startswith(room))]
    listed = {line.partition("==")[0].partition("[")[0] for name in lists for line in read(name).splitlines()}
    # Ray is not installed where these tests run; its package has the module's name.
    return {PACKAGES.get(name, [name])[0].lower().replace("_", "-") for name in foreign} - listed


def test_what_a_module_imports_is_in_the_requirements():
    assert faulty(unlisted) == {}


def test_every_room_of_the_table_exists():
    for room in RANKS:
        assert (ROOT / room).is_dir() if room.endswith("/") else (ROOT / room).is_file(), room


def test_a_file_is_short_and_named_for_what_it_holds():
    assert [path for path in FILES.values() if len(read(path).splitlines()) > MAX_LINES] == []
    vague = {"utils", "util", "common", "helpers", "helper", "misc", "manager"}
    assert [path for path in FILES.values() if Path(path).stem in vague] == []


def test_a_file_does_nothing_unsafe():
    assert faulty(lambda path: banned_uses(read(path))) == {}


def test_only_the_edges_read_the_command_line_and_the_environment():
    inner = [path for path in FILES.values() if not path.startswith(MAY_READ_PROCESS)]
    assert {path: found for path in inner if (found := process_reads(read(path)))} == {}


# The checks themselves, on a house of three rooms.

TOY_RANKS = room_ranks(
    "| `fusion_demo/errors.py` | a |\n| `fusion_demo/fusion/` | b |\n| `fusion_demo/bridge.py` | c |\n"
)
TOY_FILES = {
    module_name(path): path
    for path in (
        "fusion_demo/__init__.py",
        "fusion_demo/errors.py",
        "fusion_demo/fusion/__init__.py",
        "fusion_demo/fusion/base.py",
        "fusion_demo/bridge.py",
        "train_cli/__init__.py",
        "train_cli/train.py",
        "app.py",
    )
}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("fusion_demo/bridge.py", "from fusion_demo.errors import FusionDemoError"),
        ("fusion_demo/bridge.py", "import fusion_demo.fusion.base"),
        ("fusion_demo/fusion/__init__.py", "from fusion_demo.fusion.base import LayerFusion"),
        ("fusion_demo/__init__.py", "from fusion_demo.bridge import FusionBridge"),
        ("train_cli/__init__.py", "from train_cli.train import run"),
        ("train_cli/train.py", "from fusion_demo import FusionBridge"),
        ("app.py", "import gradio as gr"),
        ("fusion_demo/errors.py", "import torch, math"),
    ],
)
def test_the_check_allows(path, source):
    assert import_faults(path, source, TOY_FILES, TOY_RANKS) == []


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        ("fusion_demo/errors.py", "from fusion_demo.bridge import FusionBridge", "does not stand above"),
        ("fusion_demo/errors.py", "from fusion_demo import bridge", "does not stand above"),
        ("fusion_demo/errors.py", "def f():\n    import fusion_demo.fusion.base", "does not stand above"),
        ("fusion_demo/bridge.py", "from fusion_demo import FusionBridge", "does not stand above"),
        ("fusion_demo/bridge.py", "from train_cli.train import run", "does not stand above"),
        ("fusion_demo/bridge.py", "import app", "does not stand above"),
        ("app.py", "from train_cli.train import run", "does not stand above"),
        ("train_cli/train.py", "import app", "does not stand above"),
        ("fusion_demo/bridge.py", "from .errors import FusionDemoError", "write the full name"),
        ("fusion_demo/bridge.py", "from . import errors", "write the full name"),
        ("fusion_demo/bridge.py", "from gradio.components import Plot", "gradio belongs"),
        ("train_cli/train.py", "import gradio as gr", "gradio belongs"),
    ],
)
def test_the_check_refuses(path, source, fault):
    (found,) = import_faults(path, source, TOY_FILES, TOY_RANKS)
    assert fault in found


def test_a_file_outside_the_table_is_refused():
    with pytest.raises(AssertionError, match=r"bridges\.py stands in no room"):
        room_of("fusion_demo/bridges.py", TOY_RANKS)


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from joblib import load",
        "x = eval('1')",
        "exec('1')",
        "torch.load('x')",
        "AutoModel.from_pretrained('x', trust_remote_code=True)",
    ],
)
def test_banned_uses_are_found(source):
    assert len(banned_uses(source)) == 1


def test_what_looks_alike_is_not_banned():
    assert banned_uses("model.eval()\njson.load(f)\nfrom_pretrained('x', trust_remote_code=False)") == []


def test_process_reads_are_found():
    assert process_reads("os.environ['A']\nsys.argv[1:]\nsys.path\nos.getenv('A')") == [
        "os.environ",
        "sys.argv",
        "os.getenv",
    ]
