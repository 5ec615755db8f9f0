"""The look of the page is its own: nothing is fetched from elsewhere."""

from fusion_demo.ui.theme import CSS, THEME


def test_no_font_or_style_comes_from_another_host():
    assert THEME._stylesheets == []
    assert "http" not in CSS + "".join(THEME._font_css)
    assert "@import" not in CSS


def test_every_rule_is_closed():
    assert CSS.count("{") == CSS.count("}") > 0
