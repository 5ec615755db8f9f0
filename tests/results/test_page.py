from pathlib import Path

import pytest

from fusion_demo.errors import DataError
from fusion_demo.results import SystemResults, read_systems, render_pages, results_sections
from fusion_demo.results.scores import cell
from fusion_demo.tasks import TASKS


def render(*measured):
    """All pages as Markdown, of systems, comparisons and layers."""
    files = render_pages(results_sections(*measured))
    return "\n".join(text for name, text in files.items() if name.endswith(".md"))


@pytest.fixture
def page(tmp_path, write_checkpoint, write_metrics, reported, probe):
    """The page of two checkpoints and a probe."""
    first = {"test": reported(en=90, hi=60, si=50, ta=70)}
    second = {"test": reported(en=80, hi=50, si=40), "dev": reported(split="dev", en=81)}
    write_checkpoint("news-transformer-softmax", first, fusion="transformer-softmax", seed=4)
    write_checkpoint("news-last-layer", second, seed=4)
    write_metrics("news-linear-probe.json", probe)
    return render(read_systems(tmp_path / "checkpoints", tmp_path / "metrics"))


def test_summary_has_a_row_a_system_in_the_order_of_the_fusions(page, rows_of, scored):
    rows = rows_of(page, "News topic, test split")
    assert rows[0] == ["system", "score", "English", "mean of all 4", "mean of all 3 but English", "Sinhala"]
    assert [row[0] for row in rows[1:4]] == ["last-layer", "transformer-softmax", "linear probe"]
    assert rows[2][2] == cell(scored(90))
    assert rows[2][4].startswith("60.0 (")
    assert rows[2][4].endswith("n 300)")
    assert rows[3][5] == "71.0 (61.5–79.0; n 100)"


def test_mean_over_languages_that_were_not_all_measured_is_missing(page, rows_of):
    assert rows_of(page, "News topic, test split")[1][3] == "–"  # last-layer was not measured in Tamil


def test_second_table_has_every_language_by_its_name(page, rows_of, scored):
    rows = rows_of(page, "News topic, test split")[4:]
    assert rows[0] == ["language", "last-layer", "transformer-softmax", "linear probe"]
    assert [row[0] for row in rows[1:]] == ["English", "Hindi", "Sinhala", "Tamil"]
    assert rows[4] == ["Tamil", "–", cell(scored(70)), cell(scored(60))]


def test_page_says_how_each_system_was_made(page):
    assert (
        "**last-layer** (`checkpoints/news-last-layer`): last-layer fusion, 18,000 English examples, "
        "1,125 updates, seed 4.\n\n"
        "    train news-last-layer\n    evaluate --split test\n    evaluate --split dev\n"
    ) in page
    assert "standardised features and C = 0.1" in page
    assert "    probe it\n" in page


def system(name, languages, recipe="", task="news"):
    return SystemResults(name, "a.json", task, {"test": {"languages": languages}}, "by hand", "run", recipe)


def test_seeds_have_their_mean_behind_them(rows_of, scored):
    systems = [
        system("last, seed 0", {"si": scored(60)}, "last"),
        system("last, seed 1", {"si": scored(70)}, "last"),
        system("global", {"si": scored(50)}),
    ]
    rows = rows_of(render(systems), "News topic, test split")
    assert [row[0] for row in rows[1:5]] == [
        "last, seed 0",
        "last, seed 1",
        "last, mean of 2 seeds",
        "global",
    ]
    assert rows[3][2] == "65.0 (60.0–70.0 of 2 seeds)"
    assert rows[5] == ["language", "last, seed 0", "last, seed 1", "last, mean of 2 seeds", "global"]


def test_one_measured_seed_has_no_mean(rows_of, scored):
    rows = rows_of(render([system("last, seed 0", {"si": scored(60)}, "last")]), "News topic, test split")
    assert [row[0] for row in rows[1:2]] == ["last, seed 0"]
    assert len(rows) == 4


def test_written_answers_have_a_table_of_their_own(scored):
    page = render([system("a", {"si": {**scored(60), "exact_match": scored(33)}})])
    _, table = page.split("Exact match of the written answers:\n\n")
    assert table.startswith(f"| language | a |\n| --- | --- |\n| Sinhala | {cell(scored(33))} |")
    assert "Exact match of the" not in render([system("a", {"si": scored(60)})])


def test_every_task_has_a_place(scored):
    page = render([system("a", {"si": scored(60)}, task=name) for name in TASKS])
    for task in TASKS.values():
        assert f"## {task.title}, test split\n" in page


def test_comparisons_and_layers_stand_with_their_task(comparison, layer_report, scored):
    page = render(
        [system("a", {"si": scored(60)})],
        {Path("compare-a.json"): comparison},
        {Path("l.json"): layer_report},
    )
    headings = [line for line in page.splitlines() if line.startswith("##")]
    assert headings == [
        "## News topic",
        "## Which layers are used",
        "## News topic, test split",
        "## News topic, test split: differences on the same rows",
        "## News topic: which layers are used",
        "### news-first: layers, dev split",
        "## News topic: how each system was made",
    ]
    assert page.index("A = **transformer**") > page.index(headings[3])


@pytest.mark.parametrize("change", [{"task": "none"}, {"split": "train"}])
def test_a_comparison_of_no_known_place_is_named(comparison, change):
    with pytest.raises(DataError, match=r"compare-a\.json is no metrics file of `compare`"):
        render([], {Path("compare-a.json"): {**comparison, **change}})
    with pytest.raises(DataError, match=r"layers-a\.json is no metrics file of `layers`"):
        render([], {}, {Path("layers-a.json"): {"task": "news", "split": "dev", **change}})


def test_without_results_the_page_says_so():
    assert "Nothing has been measured yet." in render([])
