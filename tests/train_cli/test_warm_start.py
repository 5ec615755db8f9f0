import math

import pytest
import torch

from fusion_demo.config import FUSION_NAMES, TrainConfig
from fusion_demo.data import Example
from fusion_demo.errors import ConfigError
from fusion_demo.tasks import get_task
from train_cli import anchors as anchors_module
from train_cli import warm_start as module
from train_cli.warm_start import LabelWarmStart, WarmStart, anchor_scores

TASK = get_task("news")
LABELS = ("sports", "politics", "business")
EXAMPLES = [Example(f"{LABELS[i % 3]} {LABELS[i % 3]} {i}", LABELS[i % 3], i) for i in range(60)]


@pytest.fixture(autouse=True)
def short_anchors(monkeypatch):
    monkeypatch.setattr(anchors_module, "UPDATES", 3)


def start(bridge, folder, examples=EXAMPLES, **options):
    config = TrainConfig(**{"warm_start_epochs": 2, "warm_start_learning_rate": 0.01} | options)
    frame = bridge.frame(TASK.instruction, TASK.bare_prompt)
    return LabelWarmStart(bridge, TASK, frame, config, examples, folder, say=lambda _: None)


def test_scores_are_the_cosines_seen_from_the_anchors_mean():
    torch.manual_seed(0)
    first, anchors = torch.randn(2, 5), torch.randn(3, 5)
    centre = sum(anchors) / 3
    for b in range(2):
        for k in range(3):
            s, a = first[b] - centre, anchors[k] - centre
            cosine = sum(x * y for x, y in zip(s, a, strict=True)) / math.sqrt(sum(s**2) * sum(a**2))
            assert anchor_scores(first, anchors)[b, k].item() == pytest.approx(cosine.item() / 0.3, abs=1e-5)


@pytest.mark.parametrize("fusion", FUSION_NAMES)
def test_the_first_soft_token_learns_to_point_at_its_label(make_bridge, tmp_path, fusion):
    bridge = make_bridge(sentence_tokens=1, fusion=fusion)
    warm_start = start(bridge, tmp_path, warm_start_epochs=30)
    done = warm_start.run(resume=False)
    assert (done["updates"], done["examples"]) == (60, 1800)
    with torch.no_grad():
        first = bridge.eval().soft_tokens([e.text for e in EXAMPLES]).embeddings[:, 0]
        answers = anchor_scores(first, warm_start.anchors).argmax(dim=1).tolist()
    right = sum(TASK.labels[a] == e.label for a, e in zip(answers, EXAMPLES, strict=True))
    assert right > 35  # 20 by guessing


def test_the_frozen_models_stay_bit_identical_and_the_llm_reads_no_text(make_bridge, tmp_path, monkeypatch):
    bridge = make_bridge(sentence_tokens=1)
    frozen = {n: p.clone() for n, p in bridge.named_parameters() if not p.requires_grad}
    calls = []
    read = bridge.llm.read
    monkeypatch.setattr(bridge.llm, "read", lambda *a, **k: calls.append(1) or read(*a, **k))
    start(bridge, tmp_path).run(resume=False)
    assert len(calls) == 3  # the anchors' updates
    assert all(torch.equal(p, frozen[n]) for n, p in bridge.named_parameters() if n in frozen)


def test_a_stopped_warm_start_resumes_to_the_same_bits(make_bridge, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SAVE_EVERY", 1)
    whole = make_bridge(sentence_tokens=1)
    start(whole, tmp_path / "whole").run(resume=False)

    cut = make_bridge(sentence_tokens=1)
    warm_start = start(cut, tmp_path / "cut")
    update = WarmStart._update

    def interrupted(self):
        if self.progress.updates == 2:
            raise KeyboardInterrupt
        return update(self)

    monkeypatch.setattr(WarmStart, "_update", interrupted)
    with pytest.raises(KeyboardInterrupt):
        warm_start.run(resume=False)
    monkeypatch.setattr(WarmStart, "_update", update)
    again = make_bridge(sentence_tokens=1)
    start(again, tmp_path / "cut").run(resume=True)
    for name, value in whole.trained_state().items():
        torch.testing.assert_close(again.trained_state()[name], value, rtol=0, atol=1e-6)


def test_pairs_learn_through_the_relation_token(make_bridge, tmp_path):
    bridge = make_bridge(sentence_tokens=1, relation_token=True)
    before = {name: value.clone() for name, value in bridge.trained_state().items()}
    start(bridge, tmp_path, [Example((e.text, "and"), e.label) for e in EXAMPLES]).run(resume=False)
    changed = {n for n, v in bridge.trained_state().items() if not torch.equal(v, before[n])}
    assert {n for n in changed if n.startswith("projection.")} == {"projection.boundary"}
    assert any(n.startswith("relation.") for n in changed)


def test_without_a_token_for_the_whole_text_it_is_refused(make_bridge, tmp_path):
    with pytest.raises(ConfigError, match="Add --sentence-token"):
        start(make_bridge(), tmp_path)
