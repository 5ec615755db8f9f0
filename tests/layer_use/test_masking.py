"""The masking of one text is the faithfulness of `layers`, answer by answer."""

import numpy as np
import pytest

from fusion_demo.data import Example
from fusion_demo.errors import ConfigError
from fusion_demo.layer_use import (
    MaskedAnswers,
    TextMasking,
    mask_text,
    measure_faithfulness,
    passes,
    sequence_of,
    summarise_masking,
)
from fusion_demo.tasks import get_task

TASK = get_task("news")
TEXT = "a much longer text than others"


@pytest.mark.parametrize("fusion", ["transformer-softmax", "transparent-attention", "depthwise-attention"])
def test_it_equals_the_faithfulness_of_the_command_line(make_bridge, fusion):
    bridge = make_bridge(fusion=fusion)
    masked = len(bridge.fusion.layers) - 1
    found = mask_text(bridge, TASK, TEXT, masked=masked, draws=3, seed=5)
    answer = int(found.whole.argmax())
    example = Example(TEXT, TASK.labels[answer])
    expected = measure_faithfulness(bridge, TASK, [example], masked=masked, draws=3, batch_size=1, seed=5)
    change = found.most_used[:, answer] - found.whole[answer]
    random = (found.random[..., answer] - found.whole[answer]).mean(axis=0)
    assert np.allclose(change, expected.most_used[0], atol=1e-4)
    assert np.allclose(random, expected.random[0], atol=1e-4)


def test_the_layers_are_those_with_the_largest_mean_weight_embeddings_among_them(make_bridge):
    bridge = make_bridge(fusion="transparent-attention")
    found = mask_text(bridge, TASK, TEXT, masked=1, draws=1)
    soft = bridge.soft_tokens([TEXT])
    own = [position for position, token in enumerate(soft.tokens[0]) if not token.special]
    means = soft.layer_weights[0, own].mean(dim=0)
    assert found.layers[0] == 0
    assert found.order[0] == int(means.argmax())
    assert sorted(found.order) == list(range(len(found.layers)))


@pytest.mark.parametrize("rows", [1, 2, 100])
def test_the_result_does_not_depend_on_how_many_rows_a_pass_has(make_bridge, rows):
    bridge = make_bridge()
    masked = len(bridge.fusion.layers) - 1
    one, other = (mask_text(bridge, TASK, TEXT, masked=masked, draws=2, rows=count) for count in (rows, 3))
    assert np.allclose(one.most_used, other.most_used, atol=1e-4)
    assert np.allclose(one.random, other.random, atol=1e-4)


def test_it_stops_after_every_pass_so_that_others_may_ask(make_bridge):
    bridge = make_bridge()
    masking = TextMasking(bridge, TASK, TEXT, masked=1, draws=4)
    steps = list(masking.steps(2))
    assert steps[:-1] == [None] * 3  # the whole text, then three passes of at most two rows
    assert isinstance(steps[-1], MaskedAnswers)
    assert passes(1, 4) == 6


def test_the_worked_example_of_a_summary():
    found = MaskedAnswers(
        labels=("good", "bad"),
        layers=[0, 1, 2],
        order=np.array([2, 0, 1]),
        whole=np.array([-1.0, -2.0]),
        most_used=np.array([[-1.5, -2.0], [-4.0, -1.0]]),
        random=np.array([[[-1.0, -2.0], [-3.0, -2.0]], [[-2.0, -3.0], [-1.0, -2.0]]]),
    )
    summary = summarise_masking(found)
    assert (summary["answer"], summary["log_likelihood"], summary["draws"]) == ("good", -1.0, 2)
    first, second = summary["masked"]
    assert (first["k"], first["layers"], first["change"], first["answer"]) == (1, [2], -0.5, "good")
    assert (first["random_change"], first["random_same"]) == (-0.5, 2)
    assert first["random_interval"] == [-1.0, 0.0]
    assert (second["layers"], second["change"], second["answer"]) == ([2, 0], -3.0, "bad")
    assert (second["random_change"], second["random_same"]) == (-1.0, 1)


def test_one_random_choice_has_no_interval(make_bridge):
    summary = summarise_masking(mask_text(make_bridge(), TASK, TEXT, masked=1, draws=1))
    assert summary["masked"][0]["random_interval"] is None


def test_the_same_seed_gives_the_same_choice(make_bridge):
    bridge = make_bridge()
    one, same, other = (
        mask_text(bridge, TASK, TEXT, masked=1, draws=5, seed=seed).random for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_fusion_of_one_layer_has_nothing_to_mask(make_bridge):
    with pytest.raises(ConfigError, match="last-layer"):
        mask_text(make_bridge(fusion="last-layer"), TASK, TEXT, masked=1, draws=1)


def test_as_many_layers_as_there_are_cannot_be_masked(make_bridge):
    bridge = make_bridge()
    layers = len(bridge.fusion.layers)
    with pytest.raises(ConfigError, match=f"{layers} layers cannot be masked.*1 to {layers - 1}"):
        mask_text(bridge, TASK, TEXT, masked=layers, draws=1)


def test_layers_are_listed_as_a_reader_calls_them():
    assert sequence_of([11, 0]) == "11, embeddings"
