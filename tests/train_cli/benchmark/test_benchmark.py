"""Every measurement end to end on the tiny models; what they find is not judged, only that they find it."""

import importlib
import json
import shutil

import pytest

from fusion_demo.errors import ConfigError
from fusion_demo.languages import LANGUAGES
from fusion_demo.results import read_benchmarks, render_pages, results_sections
from fusion_demo.tasks import get_training_task
from train_cli.__main__ import main
from train_cli.benchmark import MEASUREMENTS
from train_cli.benchmark.generation import bytes_per_token, questions
from train_cli.benchmark.start import (
    BUDGETS,
    call,
    can_chat,
    first_task,
    forget_files,
    installed_bytes,
    start_page,
)
from train_cli.benchmark.table5 import SHAPES
from train_cli.benchmark.writers import SYSTEMS

TINY_NLLB = {
    "vocab_size": 300,
    "d_model": 16,
    "encoder_layers": 1,
    "decoder_layers": 1,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
}


@pytest.fixture
def benchmark(monkeypatch, tmp_path, capsys):
    """Runs a measurement in this process, as `memory` has its own tests; returns status, report, output."""
    from fusion_demo.pretrained import load, random_weights

    builder = ("translator", lambda: random_weights.build_nllb(**TINY_NLLB))
    monkeypatch.setitem(load.BUILT, "random:nllb-600m", builder)
    for name in ("table5", "training", "generation"):
        module = importlib.import_module(f"train_cli.benchmark.{name}")
        monkeypatch.setattr(module, "in_child", lambda function, *arguments: function(*arguments))
    monkeypatch.setattr("train_cli.benchmark.machine.GEMM_SIZE", 8)
    monkeypatch.setattr("train_cli.benchmark.training.gemm_rate", lambda: 1e9)
    monkeypatch.setattr("train_cli.benchmark.training.held_gemm_rate", lambda: 0.5e9)
    monkeypatch.setattr("train_cli.benchmark.generation.read_rate", lambda: 1e9)

    def run(name, *options):
        output = tmp_path / "metrics" / f"benchmark-{name}.json"
        argv = ["benchmark", name, "--repeats=3", f"--output={output}", *options]
        monkeypatch.setattr("sys.argv", ["train_cli", *argv])
        status = main(argv)
        report = json.loads(output.read_text(encoding="utf-8")) if output.exists() else None
        if status == 0:
            pages = render_pages(results_sections([], benchmarks=read_benchmarks(output.parent)))
            assert report["command"] in pages["results/speed.md"]
        return status, report, capsys.readouterr()

    return run


def test_table5_measures_all_systems_against_the_last_layer(benchmark):
    status, report, shown = benchmark(
        "table5", "--shapes=tiny", "--new-tokens=4", "--text-tokens=9", "--translation-tokens=5"
    )
    assert status == 0
    assert list(report["systems"]) == list(SYSTEMS)
    for row in report["systems"].values():
        first, further, token = (
            row["milliseconds"][kind]["median"] for kind in ("first_token", "further_token", "per_token")
        )
        assert first > 0
        assert further > 0
        assert token >= first / 4 * 0.5
        assert row["peak_bytes"] >= row["loaded_bytes"] * 0.9
        assert row["ratios"]["per_token"]["n"] == 3
    assert report["systems"]["last-layer"]["ratios"]["first_token"]["ratio"] == 1
    reads = {name: row["reads"] for name, row in report["systems"].items()}
    assert reads["last-layer"] == reads["transformer-softmax"] == 10  # nine tokens and the boundary vector
    assert reads["translation-pipeline"] == 5
    assert reads["llm-alone"] > 100
    assert "| transformer-softmax |" in shown.out
    assert "as no trained one can be had" in shown.out


def test_table5_measures_those_that_are_named(benchmark):
    status, report, _ = benchmark("table5", "--shapes=tiny", "--new-tokens=2", "--systems=global-softmax")
    assert (status, list(report["systems"])) == (0, ["last-layer", "global-softmax"])
    assert "translator" not in report["models"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--systems=last-layers"], "Unknown system 'last-layers'. Did you mean 'last-layer'?"),
        (["--device=cuda:99"], "There is no device 'cuda:99' here"),
    ],
)
def test_table5_refuses_what_it_does_not_know(benchmark, options, message):
    status, report, shown = benchmark("table5", "--shapes=tiny", *options)
    assert (status, report) == (2, None)
    assert message in shown.err


def test_the_papers_shapes_are_its_models():
    assert SHAPES["paper"] == {
        "encoder": "random:mt5-large",
        "llm": "random:llama-3.2-1b",
        "translator": "random:nllb-1.3b",
    }


@pytest.fixture
def data(tmp_path):
    labels = get_training_task("news").labels
    rows = [{"text": f"story {i} {'long ' * (i % 5)}", "label": labels[i % 3]} for i in range(13)]
    (tmp_path / "train.en.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_training_has_rates_losses_and_a_floor(benchmark, data):
    tiny = ("--encoder=tiny:encoder", "--llm=tiny:llm", f"--data={data}")
    status, report, _ = benchmark("training", *tiny, "--batch-size=4")
    assert status == 0
    assert report["systems"]["plain"]["ratio"]["ratio"] == 1
    assert report["systems"]["plain"]["peak_ratio"] == 1
    assert len(report["losses"]["ours"]) == len(report["losses"]["plain"]) == 3
    assert report["losses"]["largest_difference"] < 1e-5
    assert report["losses"]["ours"][0] > 1
    assert report["exact_losses"]["batch_size"] == 4
    assert len(report["exact_losses"]["ours"]) == len(report["exact_losses"]["plain"]) == 3
    assert report["exact_losses"]["ours"] == pytest.approx(report["losses"]["ours"], abs=1e-4)
    assert report["exact_losses"]["largest_difference"] < 1e-6
    floor = report["floor"]
    assert floor["gflop_per_step"] > 0
    assert 0.3 < floor["real_tokens"] <= 1
    assert floor["gemm_gflops"]["median"] == 0.5
    assert floor["share"]["ratio"] == pytest.approx(2 * floor["best_share"]["ratio"])
    status, _, shown = benchmark("training", *tiny, "--batch-size=5")
    assert status == 2
    assert "13 English training examples, and 3 steps of 5 take 15" in shown.err


def test_all_loops_write_the_same_words(benchmark, chat_checkpoints):
    status, report, _ = benchmark(
        "generation", f"--checkpoint={chat_checkpoints / 'echo-first'}", "--new-tokens=5"
    )
    assert status == 0
    assert (report["same_answers"], report["prompts"]) == ({"FrozenLLM.generate": 3}, 3)
    assert len(set(report["weight_bytes"].values())) == 1  # the tiny LLM has no graph
    assert set(report["tokens_per_second"]) == set(report["ratios"])


def test_a_missing_checkpoint_is_named(benchmark, tmp_path):
    status, _, shown = benchmark("generation", f"--checkpoint={tmp_path / 'none'}")
    assert status == 2
    assert "There is no checkpoint folder" in shown.err


def test_tied_embeddings_are_read_once_a_token(tiny_models):

    model = tiny_models.llm("tiny:llm").model
    assert bytes_per_token(model) == 4 * sum(p.numel() for p in model.parameters())


def test_questions_differ_until_all_were_asked():
    number = 2 * len(LANGUAGES)
    assert len(set(questions(number))) == number >= 50
    assert questions(number + 1)[-1] == questions(1)[0]


def test_the_page_is_started_asked_and_ended_and_memory_measured_when_it_has_chatted(
    tiny_checkpoints, chat_checkpoints, monkeypatch
):
    calls = []

    def record(address, endpoint, **values):
        calls.append(endpoint)
        return call(address, endpoint, **values)

    monkeypatch.setattr("train_cli.benchmark.start.call", record)
    page = start_page(chat_checkpoints)
    assert 0 < page["page"] <= page["answer"]
    assert page["idle"] > 1e8
    assert page["after"] > 1e8
    assert calls == ["classify", *("classify", "chat") * 2]
    assert can_chat(chat_checkpoints)
    assert not can_chat(tiny_checkpoints)


@pytest.mark.sweep
def test_a_page_that_ends_by_itself_says_why(tmp_path, tiny_checkpoints, monkeypatch):
    shutil.copytree(tiny_checkpoints / "news-first", tmp_path / "news-first")
    (tmp_path / "news-first" / "metrics.json").unlink()
    with pytest.raises(ConfigError, match=r"The page ended by itself: .*metrics\.json is missing"):
        start_page(tmp_path)


def test_start_measures_all_that_has_a_budget_and_checks_it(benchmark, tiny_checkpoints, monkeypatch):
    forgotten = []
    page = {"page": 2.0, "answer": 3.0, "idle": 5e8, "after": 6e8}
    monkeypatch.setattr("train_cli.benchmark.start.forget_files", forgotten.append)
    monkeypatch.setattr("train_cli.benchmark.start.start_page", lambda checkpoints: page)
    monkeypatch.setattr("train_cli.benchmark.start.import_seconds", lambda module: float(module != "sys"))
    status, report, shown = benchmark("start", f"--checkpoints={tiny_checkpoints}", "--repeats=2", "--check")
    assert (status, len(forgotten)) == (0, 2)
    assert {name: row["median"] for name, row in report["budgets"].items() if "resident" not in name} == {
        "import": 1.0,
        "first page, cold": 2.0,
        "first page, warm": 2.0,
        "first answer, cold": 3.0,
        "first answer, warm": 3.0,
        "installed packages": pytest.approx(report["budgets"]["installed packages"]["high"]),
    }
    assert report["budgets"]["resident, after an answer"]["median"] == 600
    assert set(report["budgets"]) == set(BUDGETS)
    monkeypatch.setitem(BUDGETS, "import", ("s", 0.5))
    assert benchmark("start", f"--checkpoints={tiny_checkpoints}")[0] == 0
    status, _, shown = benchmark("start", f"--checkpoints={tiny_checkpoints}", "--check")
    assert status == 2
    assert "Over budget: import. See the table above." in shown.err


def test_files_that_are_forgotten_are_still_there(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_text("kept")
    forget_files([tmp_path, tmp_path / "none"])
    assert (tmp_path / "deep" / "file").read_text() == "kept"


def test_without_a_checkpoint_that_classifies_nothing_is_started(benchmark, tmp_path, monkeypatch):
    monkeypatch.setattr("train_cli.benchmark.start.forget_files", lambda folders: None)
    status, _, shown = benchmark("start", f"--checkpoints={tmp_path}")
    assert status == 2
    assert "that classifies texts. Give --checkpoints." in shown.err


def test_the_first_task_and_the_size_of_packages(tiny_checkpoints):
    assert first_task(tiny_checkpoints) == "news"
    alone, with_all = installed_bytes(["tqdm"]), installed_bytes(["tqdm", "transformers"])
    assert 10_000 < alone < with_all
    assert installed_bytes(["no-such-package"]) == 0


def test_every_measurement_is_a_module_with_its_two_functions():
    for name in MEASUREMENTS:
        module = importlib.import_module(f"train_cli.benchmark.{name}")
        assert callable(module.add_arguments)
        assert callable(module.measure)
