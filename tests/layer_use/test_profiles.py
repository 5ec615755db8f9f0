"""Profiles over one another, with exactly the numbers of the report."""

import pytest

from fusion_demo.layer_use import Profile, language_profiles, masking_figure, profiles_figure
from fusion_demo.layer_use.profiles import COLOURS, MAX_PROFILES
from tests.layer_use.test_reports import REPORT, USE


def lines(figure, axis="y"):
    return [trace for trace in figure.data if trace.yaxis == axis and trace.hoverinfo != "skip"]


def bands(figure, axis="y"):
    return [trace for trace in figure.data if trace.yaxis == axis and trace.hoverinfo == "skip"]


def test_the_chosen_languages_are_drawn_with_their_bands():
    (profile,) = language_profiles(REPORT, ["si", "ur"])
    assert profile.title == "Sinhala"
    figure = profiles_figure(REPORT["layers"], [profile])
    (weights,), (shares,) = lines(figure), lines(figure, "y2")
    assert list(weights.x) == ["emb.", "1"]
    assert list(weights.y) == USE["weights"]
    assert list(shares.y) == USE["shares"]
    (band,) = bands(figure)
    assert list(band.y) == [0.3, 0.8, 0.7, 0.2]
    assert [list(bound) for bound in weights.customdata] == [[0.2, 0.3], [0.7, 0.8]]


def test_a_text_has_no_band():
    figure = profiles_figure([1, 2], [Profile("1 Urdu", [0.25, 0.75], [0.5, 0.5])])
    assert not bands(figure)
    assert "customdata" not in lines(figure)[0].hovertemplate


def test_as_many_lines_as_are_allowed_can_be_told_apart():
    profiles = [Profile(str(number), [0.5, 0.5], [0.5, 0.5]) for number in range(MAX_PROFILES)]
    looks = {(line.line.color, line.line.dash) for line in lines(profiles_figure([1, 2], profiles))}
    assert len(looks) == MAX_PROFILES


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("page", [(255, 255, 255), (11, 15, 25)])
def test_lines_are_seen_on_a_light_and_on_a_dark_page(colour, page):
    def luminance(channels):
        parts = [value / 255 for value in channels]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    line = luminance([int(part) for part in colour[4:-1].split(",")])
    low, high = sorted([line, luminance(page)])
    assert (high + 0.05) / (low + 0.05) >= 3  # WCAG 2, non-text contrast


@pytest.mark.parametrize("interval", [[-1.0, 0.0], None])
def test_the_masking_shows_both_curves_and_the_band_of_the_random_one(interval):
    row = {"k": 1, "change": -2.5, "random_change": -0.5, "random_interval": interval}
    figure = masking_figure({"masked": [row]})
    used, random = lines(figure)
    assert (list(used.y), list(random.y)) == ([-2.5], [-0.5])
    assert [list(band.y) for band in bands(figure)] == ([[0.0, -1.0]] if interval else [])
