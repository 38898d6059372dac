"""Panels of curves: what is drawn, and where names stand."""

import numpy as np

from agents.figures.curves import INK, Curve, Panel, draw_panels, line_styles, spread


def curve(values, **look):
    return Curve(np.arange(len(values)) / 1.0, np.array(values), **look)


def test_every_curve_is_drawn_with_its_band_and_its_name_at_the_end_of_the_row():
    band = np.array([0.0, 0.4]), np.array([0.2, 0.6])
    panel = Panel("success", "frames", [curve([0.1, 0.5], name="mean", band=band), curve([0.3, 0.2])], (0, 1))
    figure = draw_panels([[panel, panel], [panel._replace(title="return", y_range=None)] * 2], "a title")
    first, last, *_ = figure.axes
    assert [line.get_ydata().tolist() for line in first.lines] == [[0.1, 0.5], [0.3, 0.2]]
    assert len(first.collections) == 1 and first.get_ylim() == (0, 1) and first.get_xlim()[0] == 0
    assert [text.get_text() for text in first.texts] == []
    assert [text.get_text() for text in last.texts] == ["mean"]  # the other one has none
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["success"] * 2 + ["return"] * 2


def test_a_single_point_is_a_dot_and_no_curve_is_said_to_be_none():
    figure = draw_panels([[Panel("a", "x", [curve([0.3])]), Panel("b", "x", [])]])
    one, nothing = figure.axes
    assert one.lines[0].get_marker() == "o"
    assert nothing.texts[0].get_text() == "nothing logged"


def test_names_are_moved_apart_and_stay_in_order():
    places = spread([0.5, 0.99, 1.0, 0.98], 0.1)
    np.testing.assert_allclose(places, [0.5, 0.9, 1.0, 0.8])


def test_twenty_lines_can_be_told_apart():
    assert len(set(line_styles(20))) == 20


def contrast(one, other):
    """Of two colours, as WCAG defines it."""

    def luminance(colour):
        parts = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
        linear = np.where(parts <= 0.03928, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_lines_are_seen_on_light_and_dark_pages():
    assert contrast("#ffffff", "#000000") == 21
    for colour, _ in line_styles(7):
        assert contrast(colour, "#ffffff") > 2 and contrast(colour, "#1b202c") > 3, colour
    assert contrast(INK, "#ffffff") > 7
