"""The checkpoints of the repository, on the real frozen models."""

from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from fusion_demo.chat import Message
from fusion_demo.checkpoint import list_checkpoints, load_checkpoint, read_checkpoint_info
from fusion_demo.decoding import Decoding
from fusion_demo.evaluation.echo import content_words
from fusion_demo.frozen import FrozenModels
from fusion_demo.presets import option_values
from fusion_demo.session import Session
from fusion_demo.tasks import get_task, get_training_task

CHECKPOINTS = Path(__file__).parents[1] / "checkpoints"

TASKS = ("news", "reviews", "sib200", "xnli")
FUSIONS = ("last-layer", "global-softmax", "transformer-softmax")

FREE = ("output", "seed", "fusion_score_rate")
"""What may differ: where, by chance, and what means something to global softmax alone."""

GIVEN = {"task", "fusion", "data", "init_from", "state_cache", *FREE}
"""What the command of a checkpoint says; all else it could leave to the preset."""

SENTENCES = {
    "sentence_tokens",
    "sentence_states",
    "sentence_noise",
    "soft_token_noise_max",
    "soft_token_hiding",
    "warm_start_examples",
    "keyword_epochs",
    "max_examples",
    "batch_size",
    "evaluations",
}
"""What the recipes of `echo` and `chat` had otherwise before there were sentence tokens."""

# Written for this test, two in each of five languages.
HEADLINES = [
    ("Striker scores twice as the home side wins the cup final", "sports"),
    ("Opposition leader demands a new vote in parliament", "politics"),
    ("ලෝක කුසලාන ක්‍රිකට් තරගයෙන් ශ්‍රී ලංකා කණ්ඩායම ජය ගනී", "sports"),
    ("මහ බැංකුව පොලී අනුපාත පහත හෙළයි, කොටස් වෙළෙඳපොළ ඉහළට", "business"),
    ("உலகக் கோப்பை கால்பந்து இறுதிப் போட்டியில் அணி வெற்றி", "sports"),
    ("புதிய திரைப்படத்தில் நடிகை நடிக்கிறார், பாடல் வெளியீடு", "entertainment"),
    ("भारत ने क्रिकेट मैच में ऑस्ट्रेलिया को हराया", "sports"),
    ("बोर्ड परीक्षा का परिणाम घोषित, छात्र वेबसाइट पर देखें", "education"),
    ("ক্রিকেট ম্যাচে সেঞ্চুরি করে দলকে জেতালেন অধিনায়ক", "sports"),
    ("নতুন ছবির ট্রেলার প্রকাশ, নায়িকার অভিনয়ে মুগ্ধ দর্শক", "entertainment"),
]

REVIEWS = [
    ("Absolutely wonderful, the best purchase I have ever made", "very positive"),
    ("Broke on the first day. Complete waste of money, avoid", "very negative"),
    ("පොත ඉතා හොඳයි, මම එයට බොහෝ කැමතියි", "very positive"),
    ("ඉතා නරකයි, මුදල් නාස්තියක්. මිල දී ගන්න එපා", "very negative"),
    ("बहुत बढ़िया, सब को ख़रीदना चाहिए", "very positive"),
    ("बहुत घटिया, पैसे बर्बाद हो गए, मत ख़रीदिए", "very negative"),
    ("Wunderbar, ich liebe es, absolut empfehlenswert", "very positive"),
    ("Schrecklich, nach einem Tag kaputt, nie wieder", "very negative"),
]

OWN_TEXTS = {
    "news": [(text, {label}) for text, label in HEADLINES],
    "sib200": [(text, {label}) for text, label in HEADLINES],
    # A star more or less is a matter of taste; whether a review praises or warns is not.
    "reviews": [(text, {label, label.removeprefix("very ")}) for text, label in REVIEWS],
}

pytestmark = pytest.mark.embedded


MESSAGES = [
    ("The children are playing football in the park near the river.", {"children", "park", "river"}),
    ("Die Kinder spielen Fußball im Park am Fluss.", {"children", "park"}),
]
"""A message, and words that its echo must have."""

MEANT = {"children", "kids", "play", "playing", "football", "soccer", "park", "river"}
"""Words of which the echo of either must have three where another word for the same will do."""


@pytest.fixture(scope="module")
def models():
    return FrozenModels()


def shipped(task):
    return [info for info in list_checkpoints(CHECKPOINTS) if info.task == task]


@pytest.mark.parametrize("task", TASKS)
def test_one_checkpoint_of_each_of_the_papers_systems_is_shipped(task):
    fusions = [info.bridge.fusion for info in shipped(task) if info.training.seed == 0]
    assert sorted(fusions) == sorted(FUSIONS)


@pytest.mark.parametrize("task", TASKS)
def test_they_were_trained_by_one_recipe(task):
    recipes = []
    for info in shipped(task):
        bridge = {k: v for k, v in asdict(info.bridge).items() if not k.startswith("fusion")}
        training = {k: v for k, v in asdict(info.training).items() if k not in FREE}
        recipes.append((bridge, training, info.metrics["training"]["planned_updates"]))
    assert all(recipe == recipes[0] for recipe in recipes)


def test_the_presets_recipe_is_theirs():
    for info in list_checkpoints(CHECKPOINTS):
        values = asdict(info.bridge) | asdict(info.training)
        usual = option_values(given=values)
        given = GIVEN
        if info.task in ("echo", "chat") and not info.bridge.maps_sentences:
            given = GIVEN | SENTENCES
        elif info.training.init_from:  # its keyword warm start follows the words of another echo
            given = GIVEN | {"keyword_epochs", "warm_start_examples"}
        assert {name for name in values if values[name] != usual[name]} <= given, info.name


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("task", OWN_TEXTS)
def test_own_texts_in_several_languages_are_understood(models, task, fusion):
    task = get_task(task)
    own = [(text, labels) for text, labels in OWN_TEXTS[task.name] if labels & set(task.labels)]
    answers, _ = ask(models, task, fusion, [text for text, _ in own])
    right = sum(answer in labels for answer, (_, labels) in zip(answers, own, strict=True))
    assert right >= 0.8 * len(own), list(zip(answers, own, strict=True))


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("task", TASKS)
def test_a_text_is_answered_alike_alone_and_among_others(models, task, fusion):
    task = get_task(task)
    texts = [text for text, _ in HEADLINES[:4]]
    if len(task.fields) == 2:
        texts = list(zip(texts, texts[::-1], strict=True))
    _, among = ask(models, task, fusion, texts)
    _, alone = ask(models, task, fusion, texts[2:3])
    torch.testing.assert_close(alone[0], among[2], atol=1e-4, rtol=0)


def ask(models, task, fusion, texts):
    """Return the labels that a shipped checkpoint gives texts, and all log-likelihoods."""
    bridge = load_checkpoint(CHECKPOINTS / f"{task.name}-{fusion}", models)
    frame = bridge.frame(task.instruction, task.bare_prompt)
    scores = bridge.score_labels(texts, list(task.label_words.values()), frame).log_likelihoods
    return [task.labels[i] for i in scores.argmax(dim=1).tolist()], scores


def test_the_frozen_models_are_bit_identical_after_use(models):
    info = read_checkpoint_info(CHECKPOINTS / "news-transformer-softmax")
    from fusion_demo.pretrained.fingerprint import fingerprint

    bridge = load_checkpoint(info.folder, models)
    task = get_task(info.task)
    frame = bridge.frame(task.instruction, task.bare_prompt)
    bridge.train()(["Rain ends the match"], ["sports"], frame).backward()
    assert fingerprint(bridge.llm.model, bridge.llm.tokenizer) == info.fingerprints["llm"]
    assert fingerprint(bridge.encoder.model, bridge.encoder.tokenizer) == info.fingerprints["encoder"]


def echo_of(bridge, message):
    echo = get_training_task("echo")
    frame = bridge.frame(echo.instruction, echo.bare_prompt)
    (said,) = bridge.generate([message], frame, echo.decoding(frame, bridge.llm.tokenizer))
    return said


@pytest.mark.parametrize("name", ["echo-transformer-softmax", "chat-transformer-softmax"])
@pytest.mark.parametrize(("message", "words"), MESSAGES)
def test_a_message_is_repeated_in_english(models, name, message, words):
    said = echo_of(load_checkpoint(CHECKPOINTS / name, models), message)
    assert words <= set(content_words(said)), said


@pytest.mark.parametrize(
    "name", ["echo-global-softmax", "chat-global-softmax", "echo-global-softmax-sentence"]
)
@pytest.mark.parametrize(("message", "_words"), MESSAGES)
def test_global_softmax_repeats_a_message_in_words_of_its_own(models, name, message, _words):
    said = echo_of(load_checkpoint(CHECKPOINTS / name, models), message)
    assert len(MEANT & set(content_words(said))) >= 3, said


def test_a_conversation_understands_a_message_and_says_how_well(models):
    session = Session(CHECKPOINTS)
    assert session.chat_checkpoints()[0].name == "echo-global-softmax-sentence"
    *_, last = session.chat([Message("user", MESSAGES[1][0])], decoding=Decoding(max_new_tokens=4))
    assert len(MEANT & set(content_words(last.turn.echo))) >= 3, last.turn.echo
    assert last.turn.understood in ("well", "partly")
    assert last.turn.answer


def test_the_graph_of_the_llm_writes_as_torch_does(models):
    compiled = FrozenModels(compiled=True)
    assert compiled.graph("embedded:smollm2-135m-instruct")
    answers = []
    for owner in (compiled, models):
        bridge = load_checkpoint(CHECKPOINTS / "chat-transformer-softmax", owner)
        frame = bridge.frame("", "")
        written = [bridge.generate([message], frame, Decoding(max_new_tokens=16)) for message, _ in MESSAGES]
        answers.append(written)
    assert answers[0] == answers[1]
    assert all(answers[0])


def test_a_question_is_answered(models):
    bridge = load_checkpoint(CHECKPOINTS / "chat-transformer-softmax", models)
    (answer,) = bridge.generate(
        ["What is the capital of France?"], bridge.frame("", ""), Decoding(max_new_tokens=12)
    )
    assert "Paris" in answer
