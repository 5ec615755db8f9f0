import pytest
import torch

from fusion_demo.soft_tokens import SoftTokens, disturb, pack

TEXTS = ["good day", "ලංකා", "a much longer text than the other two", "x"]
LABELS = ["sports", "arts", "science and technology", "a"]


def soft_tokens(rows=64, width=40, summaries=1):
    mask = torch.ones(rows, width, dtype=torch.bool)
    mask[1, 5:] = False
    return SoftTokens(
        torch.randn(rows, width, 8), mask, torch.zeros(0), [], [], None, summaries, torch.zeros(0)
    )


def test_packing_keeps_the_order_and_drops_what_no_row_needs():
    embeddings = torch.arange(6.0).view(2, 3, 1)
    packed, mask = pack(embeddings, torch.tensor([[True, False, True], [False, False, True]]))
    assert mask.tolist() == [[True, True], [True, False]]
    assert packed[0, :, 0].tolist() == [0.0, 2.0]
    assert packed[1, 0, 0].item() == 5.0


def test_about_the_asked_fraction_is_hidden_and_summaries_never_are():
    torch.manual_seed(0)
    soft = soft_tokens(summaries=2)
    embeddings, mask = disturb(soft, noise=0.0, dropout=0.75)
    assert torch.equal(embeddings[:, :2], soft.embeddings[:, :2])
    assert mask[:, :2].all()
    shown = (mask.sum() - 2 * len(mask)) / (soft.mask.sum() - 2 * len(mask))
    assert 0.2 < shown.item() < 0.3
    assert mask.shape[1] < soft.mask.shape[1]


def test_noise_is_relative_to_each_tokens_own_scale():
    torch.manual_seed(0)
    soft = soft_tokens(rows=400, width=6)
    soft.embeddings[:, 0] *= 100
    embeddings, mask = disturb(soft, noise=0.1, dropout=0.0)
    assert torch.equal(mask, soft.mask)
    added = (embeddings - soft.embeddings).pow(2).mean(dim=-1).sqrt()
    own = soft.embeddings.pow(2).mean(dim=-1).sqrt()
    assert (added / own).mean(dim=0).tolist() == pytest.approx([0.1] * 6, rel=0.1)


@torch.no_grad()
def test_leaving_out_hidden_soft_tokens_is_the_same_as_masking_them(make_bridge, monkeypatch):
    bridge = make_bridge(sentence_token=True)
    frame = bridge.frame("Which topic?", "Category: ")

    def loss():
        torch.manual_seed(3)
        return bridge(TEXTS, LABELS, frame, soft_token_dropout=0.5).item()

    left_out = loss()
    monkeypatch.setattr("fusion_demo.soft_tokens.pack", lambda embeddings, mask: (embeddings, mask))
    assert left_out == pytest.approx(loss(), abs=1e-5)
