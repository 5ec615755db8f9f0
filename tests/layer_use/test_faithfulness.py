import numpy as np
import pytest
import torch

from fusion_demo.data import Example
from fusion_demo.errors import ConfigError
from fusion_demo.layer_use import Faithfulness, measure_faithfulness, summarise_faithfulness
from fusion_demo.tasks import get_task

TASK = get_task("news")
EXAMPLES = [
    Example("good day", "sports"),
    Example("ලංකා", "business"),
    Example("a much longer text than the other two", "world"),
    Example("x", "science and technology"),
]


@torch.no_grad()
def likelihood_without(bridge, example, masked):
    """The right answer's log-likelihood after the fused states were mixed by hand, without some layers."""
    encoded = bridge.encoder([example.text])
    states = encoded.states(embeddings=bridge.fusion.reads_embeddings)
    weights = bridge.fusion(states, encoded.mask).layer_weights.clone()
    weights[:, :, list(masked)] = 0.0
    weights = weights / weights.sum(dim=-1, keepdim=True)
    fused = torch.stack(
        [
            sum(weights[0, t, layer] * states[0, t, layer] for layer in range(weights.shape[-1]))
            for t in range(weights.shape[1])
        ]
    )[None]
    frame = bridge.frame(TASK.instruction, TASK.bare_prompt)
    ids = frame.answer_ids(bridge.llm.tokenizer, TASK.label_words[example.label])
    sequence = torch.cat(
        [
            bridge.llm.embed(torch.tensor([frame.before], dtype=torch.long)),
            bridge.projection(fused),
            bridge.projection.boundary[None, None],
            bridge.llm.embed(torch.tensor([frame.after], dtype=torch.long)),
        ],
        dim=1,
    )
    total = 0.0
    for token in ids:
        logits = bridge.llm.model(inputs_embeds=sequence).logits[0, -1]
        total += torch.log_softmax(logits, dim=-1)[token].item()
        sequence = torch.cat([sequence, bridge.llm.embed(torch.tensor([[token]]))], dim=1)
    return total


def most_used(bridge, example, k):
    """The layers with the largest mean weight over the text's own tokens."""
    soft = bridge.soft_tokens([example.text])
    own = [position for position, token in enumerate(soft.tokens[0]) if not token.special]
    means = soft.layer_weights[0, own].mean(dim=0).tolist()
    return sorted(range(len(means)), key=lambda layer: -means[layer])[:k]


@pytest.mark.parametrize("fusion", ["global-softmax", "transformer-softmax", "transparent-attention"])
def test_masking_the_most_used_layers_equals_the_slow_reference(make_bridge, fusion):
    bridge = make_bridge(fusion=fusion)
    with torch.no_grad():
        if fusion == "global-softmax":
            bridge.fusion.weights.mul_(0.01)  # a mix of layers, not one of them alone
            bridge.fusion.temperature.zero_()
    masked = len(bridge.fusion.layers) - 1
    found = measure_faithfulness(bridge, TASK, EXAMPLES, masked=masked, draws=1, batch_size=3)
    assert found.most_used.shape == found.random.shape == (4, masked)
    for row, example in enumerate(EXAMPLES):
        whole = likelihood_without(bridge, example, [])
        for k in range(1, masked + 1):
            expected = likelihood_without(bridge, example, most_used(bridge, example, k)) - whole
            assert found.most_used[row, k - 1] == pytest.approx(expected, abs=1e-3)


def test_random_layers_are_the_mean_over_the_draws_of_some_choice_of_k(make_bridge):
    """With one layer masked of few, the mean of two draws is the mean of two of the changes there are."""
    bridge = make_bridge()
    layers = len(bridge.fusion.layers)
    found = measure_faithfulness(bridge, TASK, EXAMPLES[:1], masked=1, draws=2, batch_size=4, seed=1)
    whole = likelihood_without(bridge, EXAMPLES[0], [])
    alone = [likelihood_without(bridge, EXAMPLES[0], [layer]) - whole for layer in range(layers)]
    means = [(a + b) / 2 for a in alone for b in alone]
    assert min(abs(found.random[0, 0] - mean) for mean in means) < 1e-3


def test_draws_depend_on_the_seed_and_not_on_the_batches(make_bridge):
    bridge = make_bridge()
    options = {"masked": 1, "draws": 1}
    one = measure_faithfulness(bridge, TASK, EXAMPLES, batch_size=1, seed=3, **options)
    many = measure_faithfulness(bridge, TASK, EXAMPLES, batch_size=4, seed=3, **options)
    assert one.random == pytest.approx(many.random, abs=1e-3)
    others = [
        measure_faithfulness(bridge, TASK, EXAMPLES, batch_size=4, seed=seed, **options).random
        for seed in range(4, 9)
    ]
    assert any(np.abs(other - many.random).max() > 1e-3 for other in others)


def test_last_layer_alone_says_why_it_cannot_be_masked(make_bridge):
    with pytest.raises(ConfigError, match="only one layer is used"):
        measure_faithfulness(
            make_bridge(fusion="last-layer"), TASK, EXAMPLES, masked=1, draws=1, batch_size=4
        )


@pytest.mark.parametrize("masked", [0, 99])
def test_some_layer_must_be_masked_and_some_left(make_bridge, masked):
    bridge = make_bridge()
    with pytest.raises(ConfigError, match=f"Ask for 1 to {len(bridge.fusion.layers) - 1}, .* --masked"):
        measure_faithfulness(bridge, TASK, EXAMPLES, masked=masked, draws=1, batch_size=4)


def test_summary_of_a_language_and_of_the_mean():
    si = Faithfulness(np.array([[-1.0, -3.0], [-3.0, -5.0]]), np.array([[-0.5, -1.0], [-0.5, -2.0]]))
    ta = Faithfulness(np.array([[-4.0, -4.0]] * 3), np.array([[-1.0, -1.0]] * 3))
    found = summarise_faithfulness({"si": si, "ta": ta}, parallel=False)
    assert found["languages"]["si"]["n"] == 2
    assert found["languages"]["si"]["most_used"]["change"] == [-2.0, -4.0]
    assert found["languages"]["si"]["random"]["change"] == [-0.5, -1.5]
    assert found["languages"]["si"]["gap"]["change"] == [-1.5, -2.5]
    low, high = found["languages"]["si"]["most_used"]["interval"]
    assert (low, high) == ([-3.0, -5.0], [-1.0, -3.0])
    assert found["mean"]["n"] == 5
    assert found["mean"]["most_used"]["change"] == [-3.0, -4.0]
    low, high = found["mean"]["most_used"]["interval"]
    assert (low, high) == ([-3.5, -4.5], [-2.5, -3.5])


def test_shared_texts_are_drawn_together_in_all_languages():
    """What one language loses on a text the other gains: drawn together, the mean does not move."""
    change = np.array([[-1.0], [1.0], [-2.0], [2.0]])
    one, other = Faithfulness(change, change * 0), Faithfulness(-change, change * 0)
    together = summarise_faithfulness({"si": one, "ta": other}, parallel=True)["mean"]
    assert together["most_used"]["interval"] == [[0.0], [0.0]]
    apart = summarise_faithfulness({"si": one, "ta": other}, parallel=False)["mean"]
    assert apart["most_used"]["interval"][0][0] < -0.5
    assert together["n"] == apart["n"] == 8
