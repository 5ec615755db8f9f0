import numpy as np
import pytest
import torch

from fusion_demo.errors import DataError
from fusion_demo.layer_use import LayerUse, measure_layer_use, summarise_layer_use
from fusion_demo.layer_use.weights import mean_of_own_tokens
from fusion_demo.tokens import Token

TEXTS = ["good day", "ලංකා", "a much longer text than the other two", "x"]


@pytest.mark.parametrize(
    "fusion", ["last-layer", "global-softmax", "transformer-softmax", "transparent-attention"]
)
@torch.no_grad()
def test_layer_use_equals_the_slow_reference(make_bridge, fusion):
    """Text by text and token by token, without batches or padding."""
    bridge = make_bridge(fusion=fusion)
    use = measure_layer_use(bridge, TEXTS, batch_size=3)
    for row, text in enumerate(TEXTS):
        encoded = bridge.encoder([text])
        states = encoded.states(embeddings=bridge.fusion.reads_embeddings)
        alpha = bridge.fusion(states, encoded.mask).layer_weights
        weights, shares = [], []
        for position, token in enumerate(encoded.tokens[0]):
            if not token.special:
                own = alpha[0, position].tolist()
                lengths = [float((state**2).sum() ** 0.5) for state in states[0, position]]
                added = [weight * length for weight, length in zip(own, lengths, strict=True)]
                weights.append(own)
                shares.append([value / sum(added) for value in added])
        assert use.weights[row] == pytest.approx(np.mean(weights, axis=0), abs=1e-5)
        assert use.shares[row] == pytest.approx(np.mean(shares, axis=0), abs=1e-5)


def test_rows_sum_to_one_for_every_fusion(make_bridge):
    for fusion in ("scaling-vectors", "depthwise-attention", "transformer-softmax"):
        use = measure_layer_use(make_bridge(fusion=fusion), TEXTS, batch_size=2)
        assert use.weights.sum(axis=1) == pytest.approx(np.ones(4), abs=1e-5)
        assert use.shares.sum(axis=1) == pytest.approx(np.ones(4), abs=1e-5)


def test_batches_change_nothing(make_bridge):
    bridge = make_bridge()
    one, many = (measure_layer_use(bridge, TEXTS, batch_size=size) for size in (1, 4))
    assert one.weights == pytest.approx(many.weights, abs=1e-5)
    assert one.shares == pytest.approx(many.shares, abs=1e-5)


def test_special_tokens_are_left_out_unless_there_is_nothing_else():
    values = torch.tensor([[[1.0, 0.0], [0.2, 0.8], [0.4, 0.6], [9.0, 9.0]]])
    tokens = [Token("<s>", None, special=True), Token("a", 0), Token("b", 1)]
    assert mean_of_own_tokens(values, [tokens])[0] == pytest.approx([0.3, 0.7])
    assert mean_of_own_tokens(values, [tokens[:1]])[0] == pytest.approx([1.0, 0.0])


def test_summary_holds_means_over_texts_and_their_bands():
    weights = np.array([[0.2, 0.8], [0.4, 0.6], [0.6, 0.4]])
    found = summarise_layer_use(LayerUse(weights, weights[:, ::-1]))
    assert found["n"] == 3
    assert found["weights"] == pytest.approx([0.4, 0.6])
    assert found["shares"] == pytest.approx([0.6, 0.4])
    low, high = found["weights_interval"]
    assert low == pytest.approx([0.2, 0.4])
    assert high == pytest.approx([0.6, 0.8])
    assert found["shares_interval"][0] == pytest.approx([0.4, 0.2])


def test_band_of_equal_texts_has_no_width():
    found = summarise_layer_use(LayerUse(np.tile([0.25, 0.75], (5, 1)), np.tile([0.5, 0.5], (5, 1))))
    assert found["weights_interval"] == [pytest.approx([0.25, 0.75])] * 2


def test_one_text_has_no_band():
    with pytest.raises(DataError, match="at least two texts"):
        summarise_layer_use(LayerUse(np.ones((1, 2)), np.ones((1, 2))))
