import json

import pytest

from fusion_demo.card import CheckpointInfo
from fusion_demo.config import BridgeConfig, TrainConfig
from fusion_demo.errors import DataError
from fusion_demo.presets import PRESETS
from fusion_demo.results import read_systems
from fusion_demo.results.systems import name_checkpoints


@pytest.fixture
def read(tmp_path):
    return lambda: read_systems(tmp_path / "checkpoints", tmp_path / "metrics")


@pytest.fixture
def make_info(tmp_path):
    def make(name, fusion="last-layer", **training):
        return CheckpointInfo(
            folder=tmp_path / name,
            task="news",
            bridge=BridgeConfig(**PRESETS["tiny"], fusion=fusion),
            training=TrainConfig(output=str(tmp_path / name), **training),
            command="train",
            data={},
            fingerprints={"encoder": "0", "llm": "0"},
            metrics={},
        )

    return make


def test_checkpoints_stand_in_the_order_of_the_fusions_and_before_baselines(
    read, write_checkpoint, write_metrics, reported, probe
):
    write_checkpoint("news-a", {"test": reported(si=1)}, fusion="transformer-softmax")
    write_checkpoint("news-b", {"test": reported(si=2)}, fusion="last-layer")
    write_metrics("news-linear-probe.json", probe)
    write_metrics("compare-x.json", {})
    write_metrics("layers-x.json", {})
    assert [(row.system, row.task) for row in read()] == [
        ("b", "news"),
        ("a", "news"),
        ("linear probe", "news"),
    ]


def test_checkpoints_that_differ_in_the_seed_alone_carry_it_in_their_names(make_info):
    infos = [make_info("news-last", seed=0), make_info("news-last-seed1", seed=1)]
    assert name_checkpoints(infos) == {
        "news-last": ("last, seed 0", "last"),
        "news-last-seed1": ("last, seed 1", "last"),
    }


def test_seeds_in_every_name_are_taken_off_the_recipes_name(make_info):
    infos = [make_info("news-last-seed4", seed=4), make_info("news-last-seed11", seed=11)]
    assert {recipe for _, recipe in name_checkpoints(infos).values()} == {"last"}


@pytest.mark.parametrize(
    "change", [{"seed": 1, "learning_rate": 0.5}, {"seed": 1, "fusion": "global-softmax"}]
)
def test_another_option_makes_another_recipe(make_info, change):
    infos = [make_info("news-last"), make_info("news-other", **change)]
    assert name_checkpoints(infos) == {"news-last": ("last", ""), "news-other": ("other", "")}


def test_copies_of_one_training_are_no_seeds(make_info):
    infos = [make_info("news-last"), make_info("news-copy")]
    assert name_checkpoints(infos) == {"news-last": ("last", ""), "news-copy": ("copy", "")}


def test_scores_of_a_checkpoint_on_another_task_come_from_a_file(
    read, write_checkpoint, write_metrics, reported
):
    for seed in (0, 1):
        write_checkpoint(f"xnli-last-seed{seed}", {}, task="xnli", seed=seed)
        content = reported("indicxnli", hi=40 + seed) | {"checkpoint": f"xnli-last-seed{seed}"}
        write_metrics(f"indicxnli-{seed}.json", content)
    found = [row for row in read() if row.task == "indicxnli"]
    assert [(row.system, row.recipe) for row in found] == [("last, seed 0", "last"), ("last, seed 1", "last")]
    assert found[0].reports["test"]["languages"]["hi"]["accuracy"] == 0.4
    assert found[1].training == "last-layer fusion, 18,000 English examples, 1,125 updates, seed 1"
    assert found[0].command == ""  # its report holds the command


def test_a_baselines_file_says_how_it_was_made(read, write_metrics, reported):
    write_metrics(
        "news-llm.json", reported(si=12) | {"system": "llm-alone", "description": "`smol` reads it"}
    )
    (found,) = read()
    assert (found.system, found.training) == ("llm-alone", "`smol` reads it")
    assert list(found.reports) == ["test"]
    assert found.command == ""  # its report holds the command


def test_the_score_rate_of_global_softmax_makes_no_other_recipe_of_another_fusion(make_info):
    changes = {"seed": 1, "fusion_score_rate": 0.5}
    infos = [make_info("news-last"), make_info("news-last-seed1", **changes)]
    assert {recipe for _, recipe in name_checkpoints(infos).values()} == {"last"}
    infos = [make_info(f"news-g{n}", "global-softmax", **(changes if n else {})) for n in (0, 1)]
    assert {recipe for _, recipe in name_checkpoints(infos).values()} == {""}


def test_another_seed_whose_checkpoint_is_gone_is_a_seed_of_its_recipe(
    read, write_checkpoint, write_metrics, reported
):
    write_checkpoint("news-last", {"test": reported(si=50)})
    write_metrics("news-last-seed1.json", reported(si=60) | {"checkpoint": "news-last-seed1"})
    assert [(row.system, row.recipe, row.name) for row in read()] == [
        ("last", "last", "news-last"),
        ("last, seed 1", "last", "news-last-seed1"),
    ]
    assert read()[1].training == "a bridge that is not among the checkpoints"


@pytest.mark.parametrize(
    "content",
    [
        [],
        {},
        {"system": "x", "description": "y", "task": "none", "split": "test", "languages": {}},
        {"system": "x", "task": "news", "split": "test", "languages": {}},
        {"task": "news", "split": "test", "languages": {}},
    ],
)
def test_damaged_metrics_file_is_named(read, write_metrics, content):
    write_metrics("broken.json", content)
    with pytest.raises(DataError, match=r"broken\.json is no metrics file of `evaluate`"):
        read()


def test_what_is_not_json_is_named(read, write_metrics):
    write_metrics("broken.json", {}).write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"broken\.json is no metrics file"):
        read()


@pytest.mark.parametrize(
    "damaged",
    [
        [],
        {"languages": []},
        {"languages": {"xx": {"accuracy": 1.0, "n": 1, "interval": [0, 1]}}},
        {"languages": {"si": {"accuracy": 1}}},
        {"languages": {"si": {"macro_f1": 1.0}}},
        {"languages": {"si": {"accuracy": 1.0, "n": 1, "interval": [0, 1], "exact_match": 1.0}}},
        {"languages": {"si": {"accuracy": 1.0, "n": 1, "interval": [0, 1], "macro_f1": "high"}}},
    ],
)
def test_damaged_report_is_named(read, write_checkpoint, damaged, tmp_path):
    write_checkpoint("news-last", {})
    path = tmp_path / "checkpoints" / "news-last" / "metrics.json"
    path.write_text(json.dumps({"test": damaged}), encoding="utf-8")
    with pytest.raises(DataError, match=r"metrics\.json: 'test' is no result of `evaluate`"):
        read()
