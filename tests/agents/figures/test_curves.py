"""Panels of curves: what is drawn, and where names stand."""

import numpy as np
import pytest

from agents.figures.curves import Curve, Mark, Panel, draw_panels, line_styles, spread


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


def test_marks_go_across_and_are_named_with_the_curves():
    marks = [Mark("chance", 0.0, ":"), Mark("perfect memory", 1.0)]
    figure = draw_panels([[Panel("success", "frames", [curve([0.1, 0.5], name="ALD")], (0, 1), marks)]])
    [axes] = figure.axes
    assert [text.get_text() for text in axes.texts] == ["chance", "perfect memory", "ALD"]
    assert [line.get_ydata() for line in axes.lines[:2]] == [[0.0, 0.0], [1.0, 1.0]]
    places = [text.get_position()[1] for text in axes.texts]
    assert places[0] == 0.0 and places[1] < 1.0 and places[2] == pytest.approx(0.5)


def test_letters_are_read_on_a_telephone():
    """390 pixels wide, of which a page leaves 340 to a figure."""
    figure = draw_panels([[Panel("success", "frames", [curve([0.1, 0.5], name="ALD")])]], "title")
    [axes] = figure.axes
    texts = [*axes.texts, axes.xaxis.label, axes.title, *axes.get_xticklabels(), *axes.get_yticklabels()]
    assert min(each.get_fontsize() for each in texts) / (72 * figure.get_figwidth()) * 340 >= 8
