import dataclasses

from fusion_demo.card import render_card
from fusion_demo.checkpoint import read_checkpoint_info
from fusion_demo.config import BridgeConfig


def test_the_card_names_models_licences_data_command_seed_and_results(tiny_checkpoints):
    info = read_checkpoint_info(tiny_checkpoints / "news-first")
    report = {
        "command": "python -m train_cli evaluate --checkpoint x",
        "languages": {"or": {"accuracy": 0.5, "n": 10, "interval": [0.2, 0.8]}},
        "mean": 0.5,
    }
    training = {
        "trained_parameters": 1234,
        "examples": 4800,
        "updates": 300,
        "seconds": 600,
        "machine": "a machine",
    }
    info = dataclasses.replace(
        info,
        bridge=BridgeConfig(),
        command="python -m train_cli train --task news",
        data={"description": "Headlines", "licence": "CC BY-NC-SA 4.0", "licence_id": "cc-by-nc-sa-4.0"},
        metrics={"training": training, "test": report},
    )
    card = render_card(info)
    for expected in (
        "license: cc-by-nc-sa-4.0",
        "embedded:multilingual-e5-small",
        "MIT",
        "Apache-2.0",
        "Headlines",
        "    python -m train_cli train --task news\n",
        "4,800 English examples, 300 updates, seed 0, 10 minutes on a machine",
        "| trained parameters | 1,234 |",
        "| Odia | 50.0 | 20.0 - 80.0 | 10 |",
    ):
        assert expected in card


def test_the_card_tells_the_warm_start_from_the_training_through_the_llm(tiny_checkpoints):
    info = read_checkpoint_info(tiny_checkpoints / "news-first")
    training = {
        "examples": 704,
        "updates": 44,
        "warm_start": {"examples": 7010, "updates": 220, "seconds": 9},
    }
    info = dataclasses.replace(info, metrics={"training": training})
    assert (
        "warm start of 7,010 English examples without the LLM, then 704 with it, 44 updates, seed 0"
        in render_card(info)
    )


def test_the_card_tells_how_the_data_were_written_if_a_command_did(tiny_checkpoints):
    info = read_checkpoint_info(tiny_checkpoints / "news-first")
    assert "what this command wrote" not in render_card(info)
    info = dataclasses.replace(info, data={**info.data, "command": "python -m train_cli teach\n\n# x"})
    assert "on what this command wrote\n\n    python -m train_cli teach # x\n\nUse it" in render_card(info)


def test_models_from_elsewhere_are_named_by_their_reference(tiny_checkpoints):
    info = read_checkpoint_info(tiny_checkpoints / "news-first")
    assert "`tiny:encoder`; for its licence see its own card" in render_card(info)
