from dataclasses import replace

from fusion_demo.tasks.base import Task, one_of


def test_one_of_names_the_words_not_the_labels():
    assert one_of({"pos": "good", "neg": "bad"}) == "Answer with one of: good, bad."


MOOD = Task(
    name="mood",
    title="Mood",
    instruction="How does it sound?",
    bare_prompt="Mood: ",
    label_words={"pos": "good", "neg": "bad"},
    languages=("en",),
    data="Sentences of our own",
    licence="none",
    licence_id="other",
)


def test_labels_keep_the_order_of_the_label_words():
    assert MOOD.labels == ("pos", "neg")


def test_one_text_is_plain_as_it_is_and_a_pair_names_its_fields():
    assert MOOD.plain("It rains.") == "It rains."
    pair = replace(MOOD, fields=("premise", "hypothesis"))
    assert pair.plain(("It rains.", "It is dry.")) == "Premise: It rains.\nHypothesis: It is dry."
