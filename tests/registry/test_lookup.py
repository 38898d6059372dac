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
    with pytest.raises(ValueError, match=r"^there is no colour 'x' \(two of them\)$"):
        look_up({"red": 1, "green": 2}, "colour", "x", choices="two of them")


@pytest.mark.parametrize(
    ("name", "synonyms", "hint"),
    [
        ("gren", (), ", did you mean 'green'?"),
        ("zzz", (), ""),
        (3, (), ""),
        ("gren", ("red", "blue"), ", did you mean 'red' or 'blue'?"),
    ],
)
def test_the_hint_proposes_what_means_the_same_or_is_spelled_nearly_so(name, synonyms, hint):
    assert did_you_mean(name, ("red", "green"), synonyms) == hint
