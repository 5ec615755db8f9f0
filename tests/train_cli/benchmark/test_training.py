"""The plain training is the reference: its losses are ours."""

import pytest
import torch

from fusion_demo.config import TrainConfig
from fusion_demo.data import Example
from fusion_demo.tasks import get_training_task
from train_cli.benchmark import training
from train_cli.benchmark.plain_training import PlainBridge, PlainTraining
from train_cli.benchmark.training_sides import Recipe, build_ours, build_plain, unsorted_batches

TEXTS = ["Rain.", "The sun shone over the hill all day.", "A dog", "Snow lay on the road to the village"]
ANSWERS = ["sports", "politics", "business", "health"]


@pytest.fixture
def recipe():
    return Recipe(encoder="tiny:encoder", llm="tiny:llm", task="news", data="", batch_size=2, steps=6, seed=3)


@pytest.fixture
def examples():
    labels = get_training_task("news").labels
    return [Example(f"{TEXTS[i % 4]} {i}", labels[i % len(labels)], i) for i in range(12)]


@pytest.fixture
def plain(make_bridge):
    bridge = make_bridge(seed=5, fusion_dropout=0.0)
    task = get_training_task("news")
    frame = bridge.frame(task.instruction, task.bare_prompt)
    yield bridge, frame, PlainBridge(bridge, frame)
    bridge.encoder.model.disable_input_require_grads()  # the tiny models are shared by all tests


def test_loss_and_gradients_are_those_of_the_bridge(plain):
    bridge, frame, reference = plain
    ours, theirs = bridge.train()(TEXTS, ANSWERS, frame), reference.train()(TEXTS, ANSWERS)
    torch.testing.assert_close(theirs, ours)
    ours.backward()
    theirs.backward()
    for name in ("projection.linear.weight", "projection.boundary", "fusion.query", "fusion.positions"):
        torch.testing.assert_close(
            reference.get_parameter(name).grad, bridge.get_parameter(name).grad, rtol=1e-4, atol=1e-6
        )
    block = bridge.fusion.blocks[0]
    torch.testing.assert_close(
        reference.fusion.blocks[0].self_attn.in_proj_weight.grad,
        torch.cat([block.query.weight.grad, block.key_value.weight.grad]),
        rtol=1e-4,
        atol=1e-6,
    )


def test_the_loss_does_not_depend_on_what_shares_a_batch(plain):
    _, _, reference = plain
    together = reference(TEXTS[:2], ANSWERS[:1] * 2)
    alone = [reference([text], ANSWERS[:1]) for text in TEXTS[:2]]
    torch.testing.assert_close(together, sum(alone) / 2)


def test_the_reference_keeps_the_encoder_in_the_graph_and_ours_does_not(plain):
    bridge, _, reference = plain
    seen = []
    hook = bridge.encoder.model.encoder.layer[0].register_forward_hook(lambda _, __, out: seen.append(out))
    reference(TEXTS, ANSWERS)
    bridge.soft_tokens(TEXTS)
    hook.remove()
    states = [out[0] if isinstance(out, tuple) else out for out in seen]
    assert [state.requires_grad for state in states] == [True, False]


def test_trainings_over_the_same_batches_have_the_same_losses(recipe, examples, tiny_models):
    given = unsorted_batches(len(examples), recipe)
    ours = build_ours(recipe, tiny_models, examples)
    ours.given = given
    plain = build_plain(recipe, tiny_models, ours.total)
    try:
        for batch in given:
            loss = plain.update([examples[i] for i in batch])
            assert loss == pytest.approx(ours.step(), abs=1e-5)
    finally:
        plain.bridge.frozen[0].model.disable_input_require_grads()
    for name in ("projection.linear.weight", "fusion.score.weight"):
        torch.testing.assert_close(plain.parameters[name], ours.parameters[name], rtol=1e-3, atol=1e-5)


def test_in_float64_the_losses_are_equal_unless_the_steps_differ(recipe, examples, monkeypatch):
    monkeypatch.setattr(training, "read_recipe", lambda _: examples)
    equal = training.exact_losses(recipe)
    assert equal["batch_size"] == recipe.batch_size
    assert len(equal["ours"]) == len(equal["plain"]) == recipe.steps
    assert equal["largest_difference"] < 1e-6
    assert 0 < equal["order_difference"] < 1e-6

    def build_longer(recipe, models, total):
        return build_plain(recipe, models, 2 * total)  # its learning rate falls half as fast

    monkeypatch.setattr(training, "build_plain", build_longer)
    assert training.exact_losses(recipe)["largest_difference"] > 1e-3


def test_what_is_float64_stays_float64():
    exact, coarse = torch.tensor(1 / 3, dtype=torch.float64), torch.tensor(1 / 3, dtype=torch.bfloat16)
    with training.StaysDouble():
        kept = [exact.float(), exact.to(torch.float32), exact.to(dtype=torch.float32), exact + 1]
        assert [value.dtype for value in kept] == [torch.float64] * 4
        assert exact.to(torch.bfloat16).dtype == torch.bfloat16
        assert coarse.float().dtype == torch.float32
    assert exact.float().dtype == torch.float32


def test_another_rate_gives_other_losses(recipe, examples, plain):
    """The comparison can fail: a wrong recipe is seen within a few steps."""
    bridge, _, reference = plain
    task = get_training_task("news")
    slow = PlainTraining(reference, task, TrainConfig(learning_rate=1e-6), 6)
    first = slow.update(examples[:4])
    assert slow.update(examples[:4]) == pytest.approx(first, abs=1e-3)
    fast = PlainTraining(PlainBridge(bridge, reference.frame), task, TrainConfig(learning_rate=0.1), 6)
    first = fast.update(examples[:4])
    assert fast.update(examples[:4]) != pytest.approx(first, abs=1e-3)


def test_batches_of_a_loader_hold_every_example_once(recipe):
    batches = unsorted_batches(12, recipe)
    assert sorted(i for batch in batches for i in batch) == list(range(12))
    assert batches == unsorted_batches(12, recipe)
    assert batches != [[i, i + 1] for i in range(0, 12, 2)]


def test_each_step_has_the_operations_of_its_own_batch(recipe, examples, tiny_models):
    trainer = build_ours(recipe, tiny_models, examples)
    order = sorted(range(12), key=trainer.lengths.__getitem__)
    short, long = order[:4], order[-4:]
    trainer.given, trainer.total = [short, long, short], 3
    first, second, third = training.step_flops(trainer)
    assert first == third
    # Twice the texts take twice the work, but for what depends on no text.
    trainer.given, trainer.total = [[short[0]], [short[0]] * 2], 2
    one, two = training.step_flops(trainer)
    assert two == pytest.approx(2 * one, rel=0.1)
    assert max(trainer.lengths[i] for i in long) > max(trainer.lengths[i] for i in short)
    assert second > first
    trainer.given, trainer.total = [short], 1
    lengths = [trainer.lengths[i] for i in short]
    assert training.real_tokens(trainer) == sum(lengths) / (4 * max(lengths))
