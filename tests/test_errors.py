"""The error tree and the sentence for an unknown name."""

import inspect

import pytest

from fusion_demo import errors
from fusion_demo.errors import FusionDemoError, unknown_name


def test_every_error_is_a_fusion_demo_error_and_stands_in_the_drawing():
    kinds = [
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__
    ]
    assert all(issubclass(kind, FusionDemoError) for kind in kinds)
    drawn = {line.split()[1] for line in errors.__doc__.splitlines() if "──" in line}
    assert drawn == {kind.__name__ for kind in kinds} - {"FusionDemoError"}


@pytest.mark.parametrize(
    ("name", "available", "sentence"),
    [
        ("new", ["news", "sib200"], "Unknown task 'new'. Did you mean 'news'? Available: news, sib200."),
        ("zebra", ["sib200", "news"], "Unknown task 'zebra'. Available: news, sib200."),
        ("", iter(["news"]), "Unknown task ''. Available: news."),
    ],
)
def test_unknown_name_says_what_there_is(name, available, sentence):
    assert unknown_name("task", name, available) == sentence
