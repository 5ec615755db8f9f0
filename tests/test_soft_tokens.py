import pytest
import torch

from fusion_demo.soft_tokens import Disturbance, SoftTokens, disturb, pack

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
    embeddings, mask = disturb(soft, Disturbance(dropout=0.75))
    assert torch.equal(embeddings[:, :2], soft.embeddings[:, :2])
    assert mask[:, :2].all()
    shown = (mask.sum() - 2 * len(mask)) / (soft.mask.sum() - 2 * len(mask))
    assert 0.2 < shown.item() < 0.3
    assert mask.shape[1] < soft.mask.shape[1]


def test_noise_is_relative_to_each_tokens_own_scale():
    torch.manual_seed(0)
    soft = soft_tokens(rows=400, width=6)
    soft.embeddings[:, 0] *= 100
    embeddings, mask = disturb(soft, Disturbance(noise=0.1))
    assert torch.equal(mask, soft.mask)
    added = (embeddings - soft.embeddings).pow(2).mean(dim=-1).sqrt()
    own = soft.embeddings.pow(2).mean(dim=-1).sqrt()
    assert (added / own).mean(dim=0).tolist() == pytest.approx([0.1] * 6, rel=0.1)


@torch.no_grad()
def test_leaving_out_hidden_soft_tokens_is_the_same_as_masking_them(make_bridge, monkeypatch):
    bridge = make_bridge(sentence_tokens=1)
    frame = bridge.frame("Which topic?", "Category: ")

    def loss():
        torch.manual_seed(3)
        return bridge(TEXTS, LABELS, frame, disturbance=Disturbance(dropout=0.5)).item()

    left_out = loss()
    monkeypatch.setattr("fusion_demo.soft_tokens.pack", lambda embeddings, mask: (embeddings, mask))
    assert left_out == pytest.approx(loss(), abs=1e-5)


def ones(rows=64, width=40):
    """Soft tokens of which each holds its own number, in order to be told apart."""
    embeddings = torch.arange(float(width))[None, :, None].expand(rows, -1, 8)
    return SoftTokens(
        embeddings,
        torch.ones(rows, width, dtype=torch.bool),
        torch.zeros(0),
        [],
        [],
        None,
        1,
        torch.zeros(0),
    )


def shown(embeddings, mask):
    return [row[real, 0].tolist() for row, real in zip(embeddings, mask, strict=True)]


def test_split_tokens_stand_there_twice_in_order_and_summaries_once():
    torch.manual_seed(0)
    rows = shown(*disturb(ones(), Disturbance(split=0.25)))
    twice = [number for row in rows for number in set(row) if row.count(number) == 2]
    assert all(sorted(row) == row and set(row) == set(map(float, range(40))) for row in rows)
    assert 0.0 not in twice
    assert len(twice) / (64 * 39) == pytest.approx(0.25, abs=0.03)


def test_merged_tokens_become_the_mean_of_two_neighbours_and_none_is_used_twice():
    torch.manual_seed(0)
    rows = shown(*disturb(ones(), Disturbance(merge=0.3)))
    for row in rows:
        assert row[0] == 0.0
        parts = [n for v in row for n in ((v,) if v == int(v) else (v - 0.5, v + 0.5))]
        assert parts == list(map(float, range(40)))
    assert any(v != int(v) for row in rows for v in row)


def test_padding_is_never_merged_nor_split():
    torch.manual_seed(0)
    soft = soft_tokens()
    soft.embeddings[1, 5:] = torch.nan
    embeddings, mask = disturb(soft, Disturbance(merge=0.5, split=0.5))
    assert not embeddings[mask].isnan().any()


def test_nothing_is_done_unless_asked():
    soft = soft_tokens()
    embeddings, mask = disturb(soft, Disturbance())
    assert embeddings is soft.embeddings
    assert mask is soft.mask
