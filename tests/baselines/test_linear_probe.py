import numpy as np
import pytest
import torch

from fusion_demo.baselines import ProbeAnswerer, fit_linear_probe, pool_texts
from fusion_demo.baselines.linear_probe import INVERSE_REGULARISATION
from fusion_demo.encoder import MultilingualEncoder
from fusion_demo.errors import DataError
from fusion_demo.pretrained.tiny import build_tiny_encoder
from fusion_demo.tasks import get_task

TEXTS = ["අද වැස්ස", "a", "A much longer English sentence than the others.", "বৃষ্টি", "b c"]


@pytest.fixture(scope="module")
def encoder():
    return MultilingualEncoder(*build_tiny_encoder(), prefix="query: ")


@pytest.mark.parametrize("batch_size", [1, 2, 5, 64])
def test_pooling_is_the_mean_over_real_tokens_at_any_batch_size(encoder, batch_size):
    pooled = pool_texts(encoder, TEXTS, batch_size=batch_size)
    assert pooled.shape == (5, encoder.width)
    for row, text in zip(pooled, TEXTS, strict=True):
        states = encoder([text]).layer_states[0, :, -1]
        mean = torch.stack(list(states)).mean(dim=0)
        assert row == pytest.approx((mean / mean.norm()).numpy(), abs=1e-5)


def test_pooled_vectors_have_length_one(encoder):
    lengths = np.linalg.norm(pool_texts(encoder, TEXTS, batch_size=3), axis=1)
    assert lengths == pytest.approx(np.ones(5), abs=1e-5)


@pytest.mark.parametrize("batch_size", [1, 2, 5])
def test_a_pair_is_both_means_their_distance_and_their_product(encoder, batch_size):
    pairs = list(zip(TEXTS, TEXTS[::-1], strict=True))
    pooled = pool_texts(encoder, pairs, batch_size=batch_size)
    assert pooled.shape == (5, 4 * encoder.width)
    for row, (first, second) in zip(pooled, pairs, strict=True):
        u, v = (pool_texts(encoder, [text], batch_size=1)[0] for text in (first, second))
        expected = [*u, *v, *(abs(a - b) for a, b in zip(u, v, strict=True)), *(u * v)]
        assert row == pytest.approx(expected, abs=1e-5)


def clusters(seed, n):
    """Three noisy clusters in four dimensions; the last feature is on a far larger scale."""
    random = np.random.default_rng(seed)
    centres = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    kinds = random.integers(0, 3, n)
    noise = random.normal(size=(n, 4)) * [0.3, 0.3, 0.3, 100.0]
    return (centres[kinds] + noise).astype(np.float32), [f"kind {kind}" for kind in kinds]


def test_probe_learns_clusters_it_has_not_seen():
    probe = fit_linear_probe(*clusters(0, 300), *clusters(1, 200))
    features, labels = clusters(2, 500)
    accuracy = np.mean([truth == guess for truth, guess in zip(labels, probe.predict(features), strict=True)])
    assert accuracy > 0.9


def test_setting_is_the_one_that_the_dev_texts_prefer():
    train, dev = clusters(0, 300), clusters(1, 200)
    probe = fit_linear_probe(*train, *dev)
    assert probe.inverse_regularisation in INVERSE_REGULARISATION
    guesses = probe.predict(dev[0])
    assert probe.dev_accuracy == np.mean([a == b for a, b in zip(guesses, dev[1], strict=True)])
    assert ("standardscaler" in probe.classifier.named_steps) == probe.standardised


def test_ties_go_to_the_simplest_setting():
    features = np.array([[1.0, 0.0], [0.0, 1.0]] * 20, dtype=np.float32)
    labels = ["a", "b"] * 20
    probe = fit_linear_probe(features, labels, features, labels)
    assert (probe.standardised, probe.inverse_regularisation) == (False, INVERSE_REGULARISATION[0])
    assert probe.dev_accuracy == 1.0


def test_fitting_twice_gives_the_same_probe():
    first, second = (fit_linear_probe(*clusters(0, 120), *clusters(1, 60)) for _ in range(2))
    features = clusters(2, 50)[0]
    np.testing.assert_array_equal(
        first.classifier.predict_proba(features), second.classifier.predict_proba(features)
    )


def test_one_label_cannot_be_learnt():
    features = np.zeros((3, 2), dtype=np.float32)
    with pytest.raises(DataError, match="All training texts have the same label"):
        fit_linear_probe(features, ["a"] * 3, features, ["a"] * 3)


def fitted(labels):
    """A probe on three clusters named by some of the labels of a task."""
    (train, train_kinds), (dev, dev_kinds) = clusters(0, 120), clusters(1, 60)
    names = dict(zip(("kind 0", "kind 1", "kind 2"), labels, strict=True))
    kinds = [[names[kind] for kind in kinds] for kinds in (train_kinds, dev_kinds)]
    return fit_linear_probe(train, kinds[0], dev, kinds[1])


def test_log_probabilities_stand_in_the_order_of_the_labels():
    probe, features = fitted(("b", "c", "a")), clusters(2, 50)[0]
    scores = probe.log_probabilities(features, ("c", "b", "a"))
    assert np.exp(scores).sum(axis=1) == pytest.approx(np.ones(50))
    assert [("c", "b", "a")[k] for k in scores.argmax(axis=1)] == probe.predict(features)


def test_a_label_that_was_never_seen_is_finite_and_last():
    probe, features = fitted(("b", "c", "a")), clusters(2, 50)[0]
    scores = probe.log_probabilities(features, ("new", "a", "b", "c"))
    assert np.isfinite(scores).all()
    assert (scores.argmin(axis=1) == 0).all()


def test_the_probe_answers_a_task_as_other_systems_do(encoder):
    task = get_task("news")
    labels = [task.labels[k % 3] for k in range(30)]
    texts = ["abc" * (k % 3 + 1) + "xyz"[k % 3] * 5 for k in range(30)]
    features = pool_texts(encoder, texts, batch_size=8)
    probe = fit_linear_probe(features, labels, features, labels)
    answerer = ProbeAnswerer(probe, encoder)
    assert answerer.prepare(texts, "si") == texts
    scores = answerer.score_labels(texts[:7], task)
    assert scores.shape == (7, len(task.labels))
    assert [task.labels[k] for k in scores.argmax(dim=1)] == probe.predict(features[:7])
