"""Unknown names are answered with the nearest ones."""

import pytest

from memory_envs.registry.lookup import did_you_mean, look_up


def test_a_name_that_exists_is_looked_up():
    assert look_up({"a": 1, "b": 2}, "letter", "b") == 2


def test_an_unknown_name_is_answered_with_the_nearest_and_all_there_are():
    with pytest.raises(
        ValueError, match=r"^there is no colour 'gren', did you mean 'green'\? \(there are 'red', 'green'\)$"
    ):
        look_up({"red": 1, "green": 2}, "colour", "gren")
    with pytest.raises(ValueError, match=r"^there is no colour 'x'\nThere are:\ntwo of them$"):
        look_up({"red": 1, "green": 2}, "colour", "x", choices="two of them")


SYNONYMS = {"gren": ("red", "green"), "leaf": ("green",), "sky": ("blue",), "dark_sky": ("red",)}


@pytest.mark.parametrize(
    ("name", "synonyms", "hint"),
    [
        ("gren", {}, ", did you mean 'green'?"),
        ("zzz", {}, ""),
        (3, SYNONYMS, ""),
        ("gren", SYNONYMS, ", did you mean 'red' or 'green'?"),
        ("sky", SYNONYMS, ""),  # means nothing that there is here
        ("dark_sky", SYNONYMS, ", did you mean 'red'?"),
        ("colour_of_leaf", SYNONYMS, ", did you mean 'green'?"),
        ("LEAF", SYNONYMS, ", did you mean 'green'?"),
        ("red_leaf_", SYNONYMS, ", did you mean 'green'?"),
        ("redd", {"redd": ("blue",)}, ", did you mean 'red'?"),
    ],
)
def test_the_hint_proposes_what_means_the_same_or_is_spelled_nearly_so(name, synonyms, hint):
    assert did_you_mean(name, ("red", "green"), synonyms) == hint


def test_a_slip_of_the_pen_comes_before_a_word_of_other_suites():
    assert did_you_mean("rendr_view", ("render_view", "size"), {"view": ("size",)}).endswith("'render_view'?")
