import pytest

from fusion_demo.tasks.hub import HubSource, numbered

SOURCE = HubSource(
    id="someone/moods",
    revision="abc",
    file="data/{config}/{split}.csv",
    configs={"si": "sin_Sinh"},
    splits={"dev": "validation"},
    columns={"text": "comments"},
)


def test_path_has_the_hubs_names_of_language_and_split():
    assert SOURCE.path("dev", "si") == "data/sin_Sinh/validation.csv"


@pytest.mark.parametrize(("name", "column"), [("text", "comments"), ("label", "label")])
def test_column_is_the_fields_own_name_unless_another_is_given(name, column):
    assert SOURCE.column(name) == column


def test_download_command_names_one_file_at_its_commit():
    assert SOURCE.download_command("dev", "si") == (
        "hf download someone/moods data/sin_Sinh/validation.csv --repo-type dataset --revision abc "
        "--local-dir FOLDER"
    )


def test_numbered_counts_from_zero_in_order():
    assert numbered(("bad", "good")) == {"0": "bad", "1": "good"}
