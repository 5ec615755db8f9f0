import pytest

from fusion_demo.comparison.systems import compare_runs
from fusion_demo.comparison.table import format_comparison, interval_text, p_text, points


@pytest.mark.parametrize(
    ("p_value", "text"),
    [(1.0, "1.00"), (0.3141, "0.31"), (0.0312, "0.031"), (0.00123, "0.0012"), (1e-9, "<0.0001")],
)
def test_p_values_are_short_but_never_zero(p_value, text):
    assert p_text(p_value) == text


def test_differences_are_signed_percentage_points():
    assert (points(-0.0123), points(0.05), points(-0.0001)) == ("−1.2", "+5.0", "+0.0")
    assert interval_text([-0.01, 0.052]) == "−1.0 to +5.2"


def test_table_has_a_line_for_every_language_and_mean_with_its_verdict(make_run):
    a, b = "1" * 12 + "0" * 8, "0" * 20
    runs = [make_run("last", right={"si": a, "ta": a}), make_run("global", right={"si": b, "ta": a, "hi": a})]
    lines = format_comparison(compare_runs(runs)).splitlines()
    assert lines[0] == "news, test split, score: likelihood, rows of the languages: independent"
    assert "left out: hi" in lines[2]
    assert lines[4:6] == ["A = last", "B = global"]
    assert lines[6].split()[:4] == ["A", "%", "B", "%"]
    cells = lines[7].split("  ")
    assert (cells[0], cells[-1]) == ("Sinhala (si)", "A better")
    assert [cell.strip() for cell in cells if cell][1:4] == ["60.0", "0.0", "+60.0"]
    assert lines[8].endswith("not separable")
    assert lines[9].startswith("mean of all (2)")
    assert lines[9].endswith("A better")
    assert (
        len(
            {line.find(word) for line, word in zip(lines[7:10], ["A better", "not", "A better"], strict=True)}
        )
        == 1
    )
