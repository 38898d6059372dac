"""Figures as files: small PNGs that come again bit for bit, and SVGs that fit into a page."""

import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
from PIL import Image

from agents.figures.curves import Curve, Panel, draw_panels
from agents.figures.files import save_png, save_svg, svg


def figure():
    x, y = np.array([0.0, 0.125, 0.25]), np.array([0.1, 0.5, 0.123456])
    return draw_panels(
        [[Panel("success < 1 & more", "million frames", [Curve(x, y, "ald", band=(y, y + 0.1))])]]
    )


def test_png_is_small_and_comes_again_bit_for_bit(tmp_path):
    first, second = (save_png(tmp_path / name, figure()) for name in ("a.png", "b.png"))
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as picture:
        assert picture.width == 768 and len(picture.getcolors()) > 20
    assert first.stat().st_size < 60_000


def test_svg_has_letters_a_label_and_nothing_of_the_whole_page():
    drawn = svg(figure(), "figure-3", 'success "over" frames')
    root = ElementTree.fromstring(drawn)
    assert root.attrib["role"] == "img" and root.attrib["aria-label"] == 'success "over" frames'
    assert "width" not in root.attrib and "viewBox" in root.attrib
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"success < 1 & more", "million frames", "ald", "0.05"} <= set(texts)  # ticks are not cut
    assert not {"style", "metadata", "image", "script"} & {
        each.tag.rpartition("}")[2] for each in root.iter()
    }


def test_svg_follows_the_page_from_light_to_dark():
    drawn = svg(figure(), "figure-0", "label")
    assert "var(--ink)" in drawn and "var(--line)" in drawn
    assert "#2b2f38" not in drawn and "#ffffff" not in drawn


def test_an_svg_of_its_own_is_dark_on_light_light_on_dark_and_comes_again(tmp_path):
    first, second = (save_svg(tmp_path / name, figure(), "a < b") for name in ("a.svg", "a.svg"))
    drawn = first.read_bytes()
    assert second.read_bytes() == drawn
    root = ElementTree.fromstring(drawn)
    assert (root.attrib["width"], root.attrib["aria-label"]) == ("614", "a < b")
    [style] = root.iter("{http://www.w3.org/2000/svg}style")
    assert "prefers-color-scheme: dark" in style.text and style.text.count("--ink:") == 2
    assert "#ffffff" not in drawn.decode() and "var(--ink)" in drawn.decode()


def test_two_svgs_on_a_page_share_no_id():
    first, second = (svg(figure(), name, "the same") for name in ("figure-0", "figure-1"))
    names = [set(re.findall(r'\bid="([^"]+)"', drawn)) for drawn in (first, second)]
    assert names[0] and not names[0] & names[1]
    for drawn, known in zip((first, second), names, strict=True):
        assert set(re.findall(r'(?:url\(#|href="#)([^)"]+)', drawn)) <= known


TEXTS = ("$", "a$b", "$x^2$", r"$\frac{1}$", r"\textbf{x}", "{size: $5$, 'a_b': \"%&#~\"}", "x$_{")
MATPLOTLIBRC = ({}, {"text.usetex": True}, {"axes.formatter.use_mathtext": True})


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("settings", MATPLOTLIBRC, ids=str)
def test_no_text_is_a_formula_whatever_a_matplotlibrc_asks_for(text, settings, tmp_path):
    """Titles, names of experiments and of axes have settings of users in them."""
    x = np.array([0.0, 1e6])
    before = dict(matplotlib.rcParams)
    plain = draw_panels([[Panel(text, text, [Curve(x, x, text)])]], text)
    expected = save_png(tmp_path / "expected.png", plain).read_bytes()
    with matplotlib.rc_context(settings):
        drawn = draw_panels([[Panel(text, text, [Curve(x, x, text)])]], text)
        assert save_png(tmp_path / "drawn.png", drawn).read_bytes() == expected
        root = ElementTree.fromstring(svg(drawn, "figure-0", text))
    assert [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")].count(text) == 4
    assert dict(matplotlib.rcParams) == before
