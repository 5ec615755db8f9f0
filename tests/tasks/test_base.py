from fusion_demo.tasks.base import Task, one_of


def test_one_of_names_the_words_not_the_labels():
    assert one_of({"pos": "good", "neg": "bad"}) == "Answer with one of: good, bad."


def test_labels_keep_the_order_of_the_label_words():
    task = Task(
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
    assert task.labels == ("pos", "neg")
