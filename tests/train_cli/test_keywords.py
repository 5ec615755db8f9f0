import pytest
import torch

from fusion_demo.config import TrainConfig
from fusion_demo.data import Example
from fusion_demo.errors import ConfigError
from fusion_demo.evaluation.echo import content_words
from fusion_demo.tasks import get_training_task
from train_cli import keywords as module
from train_cli.keywords import KeywordWarmStart
from train_cli.lexical import word_embedding
from train_cli.sentence_means import sentence_means, standardise

TASK = get_training_task("echo")
WORDS = ("rain", "sun", "wind", "snow", "hail", "fog")
EXAMPLES = [
    Example(text, text, i)
    for i, text in enumerate(f"{a} with {b}, and {c}." for a in WORDS for b in WORDS for c in WORDS[:2])
]
SENTENCES = {"sentence_tokens": 3, "soft_token_unit": "word"}


def start(bridge, folder, examples=EXAMPLES, **options):
    config = TrainConfig(**{"keyword_epochs": 1, "warm_start_learning_rate": 0.02} | options)
    frame = bridge.frame(TASK.instruction, TASK.bare_prompt)
    standardise(bridge, [example.text for example in examples])
    return KeywordWarmStart(bridge, TASK, frame, config, examples, folder, say=lambda _: None)


def slow_loss(warm_start, bridge, examples, asked):
    """The formula of the class, text by text and word by word."""
    vectors = {w: word_embedding(bridge.llm, w) for w in WORDS}
    centre = torch.stack(list(vectors.values())).mean(dim=0)
    losses = []
    for example in examples:
        tokens = bridge.summaries([example.text])[0]
        scores = {
            w: torch.logsumexp(
                torch.stack(
                    [
                        warm_start.log_scale.exp()
                        * torch.cosine_similarity(t - centre, vectors[w] - centre, dim=0)
                        for t in tokens
                    ]
                ),
                dim=0,
            )
            for w in asked
        }
        total = torch.logsumexp(torch.stack(list(scores.values())), dim=0)
        losses += [total - scores[w] for w in set(content_words(example.text)) & set(asked)]
    return torch.stack(losses).mean()


@pytest.mark.parametrize("source", [{}, {"sentence_states": "last-layer"}, {"sentence_queries": 1}])
def test_the_loss_equals_the_slow_reference(make_bridge, tmp_path, monkeypatch, source):
    bridge = make_bridge(**SENTENCES, **source).eval()
    warm_start = start(bridge, tmp_path)
    warm_start._aim()
    monkeypatch.setattr(module, "NEGATIVES", 200)  # of six words: all of them are drawn
    torch.manual_seed(0)
    loss, right, words = warm_start._loss(EXAMPLES[:3])
    assert words == sum(len(set(content_words(e.text))) for e in EXAMPLES[:3])
    assert 0 <= right <= words
    assert loss.item() == pytest.approx(slow_loss(warm_start, bridge, EXAMPLES[:3], WORDS).item(), abs=1e-4)


@pytest.mark.parametrize("source", ["fused", "last-layer"])
def test_sentence_tokens_come_to_name_the_words_of_their_text(make_bridge, tmp_path, source):
    bridge = make_bridge(**SENTENCES, sentence_states=source)
    before = {name: value.clone() for name, value in bridge.state_dict().items()}
    lines = []
    warm_start = start(bridge, tmp_path, keyword_epochs=60)
    warm_start.say = lines.append
    done = warm_start.run(resume=False)
    assert done["examples"] == 60 * len(EXAMPLES)
    assert float(lines[-1].split(": ")[1].split(" %")[0]) > 75
    changed = {n for n, value in bridge.state_dict().items() if not torch.equal(value, before[n])}
    learned = ("sentence.",) if source == "last-layer" else ("sentence.", "fusion.")
    assert changed
    assert all(name.startswith(learned) for name in changed)


def test_texts_without_a_content_word_teach_nothing(make_bridge, tmp_path):
    bridge = make_bridge(**SENTENCES)
    warm_start = start(bridge, tmp_path, [Example("and so on", "", i) for i in range(4)])
    warm_start._aim()
    loss, right, words = warm_start._loss(warm_start.examples)
    loss.backward()
    assert (loss.item(), right, words) == (0.0, 0, 0)


def test_means_do_not_depend_on_the_batch(make_bridge):
    bridge = make_bridge(**SENTENCES).eval()
    texts = ["one", "two and three", "දෙක"]
    means = sentence_means(bridge, texts, "")
    for row, text in enumerate(texts):
        fusion = bridge.fuse([text])[2]
        torch.testing.assert_close(means[row], fusion.fused[0].mean(dim=0), atol=1e-5, rtol=1e-4)
        assert not means.requires_grad


def test_a_bridge_without_a_map_for_sentences_is_refused(make_bridge, tmp_path):
    bridge = make_bridge(sentence_tokens=1)
    with pytest.raises(ConfigError, match="Give --sentence-tokens 8"):
        KeywordWarmStart(bridge, TASK, None, TrainConfig(keyword_epochs=1), EXAMPLES, tmp_path, say=print)
