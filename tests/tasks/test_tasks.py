"""What holds for every task."""

from itertools import permutations

import pytest

from fusion_demo.errors import ConfigError
from fusion_demo.languages import LANGUAGES
from fusion_demo.tasks import TASKS, get_task

every_task = pytest.mark.parametrize("task", TASKS.values(), ids=list(TASKS))


@every_task
def test_no_labels_words_begin_with_anothers(task):
    for words, other in permutations(task.label_words.values(), 2):
        assert not words.startswith(other)


@every_task
def test_label_words_are_lower_case_and_stripped(task):
    assert all(words and words == words.strip().lower() for words in task.label_words.values())


@every_task
def test_instruction_names_every_answer(task):
    assert all(words in task.instruction for words in task.label_words.values())


@every_task
def test_prompts_are_english_letters_only(task):
    assert task.instruction.isascii()
    assert task.bare_prompt.isascii()


@every_task
def test_languages_are_known_and_not_named_twice(task):
    assert set(task.languages) <= set(LANGUAGES)
    assert len(set(task.languages)) == len(task.languages)


@every_task
def test_a_task_with_training_data_is_measured_in_english_too(task):
    assert ("en" in task.languages) == (not task.trained_on)


@every_task
def test_checkpoints_are_of_a_task_that_is_trained_and_asks_for_the_same_fields(task):
    source = get_task(task.checkpoint_task)
    assert source.trained_on == ""
    assert source.fields == task.fields


@every_task
def test_hub_source_names_the_tasks_languages_and_all_of_its_labels(task):
    if task.hub is None:
        return
    assert set(task.hub.configs) == set(task.languages)
    assert set(task.hub.labels.values()) in (set(), set(task.labels))
    assert set(task.hub.columns) <= {*task.fields, "label"}
    assert ("train" in task.hub.splits) == (not task.trained_on)
    assert "test" in task.hub.splits


@every_task
def test_get_task_finds_it_by_its_name(task):
    assert get_task(task.name) is task


def test_unknown_task_suggests_the_nearest():
    with pytest.raises(
        ConfigError, match=r"Unknown task 'new'. Did you mean 'news'\? Available: indicxnli, news, "
    ):
        get_task("new")


@every_task
def test_data_and_its_licence_are_named(task):
    assert task.data
    # "other" is the hub's word for terms that have no identifier of their own.
    assert task.licence_id in ("other", task.licence.replace(" ", "-").lower())
