from pathlib import Path

import pytest

from fusion_demo.errors import DataError
from fusion_demo.results import render_benchmark, render_pages, results_sections
from fusion_demo.results.benchmarks import PARTS, benchmark_sections
from fusion_demo.results.speed import ROWS, speed_table
from train_cli.benchmark import MEASUREMENTS

HERE = Path("docs/metrics/benchmark-start.json")


def measured(median, n=5):
    return {"median": median, "low": median * 0.9, "high": median * 1.1, "n": n}


def ratio(value):
    return {"ratio": value, "interval": [value - 0.01, value + 0.02], "n": 5}


MACHINE = {
    "cpu": "Some CPU",
    "cores": 2,
    "threads": 2,
    "torch": "2",
    "transformers": "5",
    "load": 0.1,
}
COMMON = {"machine": MACHINE, "seed": 0, "repeats": 5, "command": "benchmark it"}
KINDS = ("per_token", "first_token", "further_token")


def cost(milliseconds, value, **more):
    return {
        "reads": 54,
        "milliseconds": {kind: measured(milliseconds) for kind in KINDS},
        "ratios": {kind: ratio(value) for kind in KINDS},
        "peak_bytes": 1_234_567_890,
        "loaded_bytes": 1_000_000_000,
        **more,
    }


REPORTS = {
    "table5": {
        "shapes": "paper",
        "models": {"encoder": "random:a", "llm": "random:b", "translator": "random:c"},
        "device": "cpu",
        "baseline": "last-layer",
        "new_tokens": 32,
        "translation_tokens": 30,
        "systems": {"last-layer": cost(100.0, 1.0), "transformer-softmax": cost(102.0, 1.02)},
    },
    "training": {
        "task": "news",
        "fusion": "transformer-softmax",
        "batch_size": 16,
        "steps": 5,
        "systems": {
            "plain": {
                "examples_per_second": measured(2.0),
                "ratio": ratio(1.0),
                "peak_bytes": 4e9,
                "loaded_bytes": 1e9,
                "peak_ratio": 1.0,
            }
        },
        "losses": {"ours": [2.0, 1.5], "plain": [2.0, 1.5], "largest_difference": 3.2e-6},
        "exact_losses": {
            "order_difference": 2e-5,
            "batch_size": 4,
            "ours": [2.0] * 5,
            "plain": [2.0] * 5,
            "largest_difference": 4.8e-7,
        },
        "floor": {
            "gflop_per_step": 200.0,
            "gemm_gflops": measured(60.0),
            "share": ratio(0.81),
            "best_gemm_gflops": measured(80.0),
            "best_share": ratio(0.61),
            "real_tokens": 0.97,
        },
    },
    "generation": {
        "checkpoint": "chat",
        "new_tokens": 48,
        "prompts": 50,
        "same_answers": {"ours": 49, "torch": 50},
        "weight_bytes": {"its weights": 112e6, "float32 weights": 538e6},
        "baseline": "plain",
        "of_floor": ratio(0.4),
        "tokens_per_second": {"ours": measured(12.0), "plain": measured(10.0)},
        "ratios": {"ours": ratio(1.2), "plain": ratio(1.0)},
    },
    "start": {
        "budgets": {
            "import": {**measured(3.0), "unit": "s", "budget": 8.0},
            "first page": {**measured(30.0), "unit": "s", "budget": 20.0},
        }
    },
    "load": {
        "users": 64,
        "minutes": 10.0,
        "queue_length": 32,
        "kinds": {
            "chat": {"answered": 1200, "busy": 3, "failed": 0, "seconds": {"median": 2.0, "p95": 8.04}},
            "leave": {"answered": 0, "busy": 1, "failed": 0, "seconds": None},
        },
        "first_token": {"median": 1.5, "p95": 7.0},
        "memory": {
            "start": 2e9,
            "end": 2.1e9,
            "peak": 2.2e9,
            "bytes_per_minute": -250_000.0,
            "held_per_minute": 500_000.0,
            "held_low": -1e5,
            "held_high": 1.1e6,
        },
    },
    "stop": {
        "checkpoint": "chat",
        "budget_milliseconds": 200.0,
        "phases": {"while writing": {"milliseconds": measured(80.0), "longest": 160.4}},
    },
}


def rendered(name):
    return render_benchmark({"benchmark": name, **COMMON, **REPORTS[name]})


def test_every_measurement_has_a_place():
    assert set(REPORTS) == set(PARTS) == set(ROWS) == set(MEASUREMENTS)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("table5", "| transformer-softmax | 102 (91.8–112) | 1.02 (1.01–1.04) | "),
        ("training", "### Training: our step against the plain one, 16 examples a step\n"),
        ("training", "| plain | 2.00 (1.80–2.20) | 1.00 (0.99–1.02) | 4,000 | 1.00 | 3,000 |"),
        (
            "training",
            "At the 60 GFLOP/s that large products held for a second right before and after each step they "
            "would take 81 % (80–83) of its time, at the 80 of the fastest of three 61 % (60–63).",
        ),
        ("training", "differ by at most 3.2e-06 nats"),
        ("training", "in float64, 4 examples a step, they differ by at most 4.8e-07 over 5 steps"),
        ("training", "our step from itself with the examples of each batch in reverse by 2.0e-05"),
        ("generation", "| ours | 12.0 (10.8–13.2) | 1.20 (1.19–1.22) |"),
        ("generation", "of the 50 answers are those of plain: of ours 49, of torch 50."),
        ("generation", "(its weights: 112 MB; float32 weights: 538 MB); our loop reaches 40 %"),
        ("start", "| import | s | 3.00 (2.70–3.30) | 8 | yes |"),
        ("load", "| chat | 1,200 | 3 | 0 | 2.0 | 8.0 |"),
        ("load", "median 1.5 s, p95 7.0 s. Resident memory 2,000 MB at the start, 2,100 MB at the end"),
        ("load", "behind the first quarter -0.25 MB a minute; the least of each half minute, to which"),
        ("load", "adds, +0.50 (-0.10 to +1.10)."),
        ("start", "| first page | s | 30.0 (27.0–33.0) | 20 | no |"),
        ("stop", "| while writing | 80.0 (72.0–88.0) | 160 | 5 |"),
        ("stop", "`chat`, budget 200 ms."),
    ],
)
def test_a_figure_is_shown_with_its_spread(name, line):
    assert line in rendered(name)


@pytest.mark.parametrize("name", REPORTS)
def test_machine_and_command_stand_below(name):
    end = rendered(name).splitlines()[-3:]
    assert end[0].startswith("Some CPU, 2 cores, 2 threads, torch 2, transformers 5; 5 rounds, seed 0")
    assert end[2] == "    benchmark it"


def test_the_instructions_for_vectors_are_said_where_they_were_noted():
    report = {"benchmark": "stop", **COMMON, **REPORTS["stop"], "machine": {**MACHINE, "vectors": "AVX2"}}
    assert "\nSome CPU with AVX2, 2 cores, 2 threads" in render_benchmark(report)


def test_a_random_translator_and_random_models_are_said_to_be_so():
    page = rendered("table5")
    assert "the translator is `random:c`, of random weights, as no trained one can be had" in page
    assert "all weights are random" in page
    real = {**REPORTS["table5"], "models": {"encoder": "a", "llm": "b", "translator": "c"}}
    page = render_benchmark({"benchmark": "table5", **COMMON, **real})
    assert "random" not in page


def test_peak_memory_on_a_gpu_has_a_column_of_its_own():
    systems = {"llm-alone": cost(1.0, 1.0, cuda_bytes=2e9), "last-layer": cost(1.0, 1.0)}
    page = render_benchmark({"benchmark": "table5", **COMMON, **REPORTS["table5"], "systems": systems})
    assert "| peak on the GPU, MB |" in page
    assert "| 54 | 2,000 |" in page
    assert "| 54 | – |" in page


def test_the_page_has_them_in_one_order_below_one_heading():
    files = {
        HERE.with_name(f"benchmark-{name}.json"): {"benchmark": name, **COMMON, **report}
        for name, report in REPORTS.items()
    }
    pages = render_pages(results_sections([], benchmarks=files))
    page = pages["results/speed.md"]
    headings = [line for line in page.splitlines() if line.startswith("#")]
    assert headings[1] == "## Speed, memory and size"
    assert len(headings) == 2 + len(REPORTS)
    assert headings[2].startswith("### What a token costs")
    assert benchmark_sections({}) == []
    overview = pages["results.md"]
    assert (
        "| ms a token, paper models | transformer-softmax | 102 (91.8–112) | 1.02 (1.01–1.04) × last-layer |"
        in overview
    )
    assert "| start: first page, s | the page | 30.0 (27.0–33.0) | at most 20 | – |" in overview
    assert all(f"| {row[0]} |" in overview for row in speed_table(list(files.values())).body)


@pytest.mark.parametrize("change", [{"benchmark": "speed"}, {"budgets": {"import": {}}}, {"machine": None}])
def test_a_file_that_lacks_something_is_named(change):
    report = {"benchmark": "start", **COMMON, **REPORTS["start"], **change}
    with pytest.raises(DataError, match=r"benchmark-start\.json is no metrics file of `benchmark`"):
        benchmark_sections({HERE: report})
