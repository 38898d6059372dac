"""Tables of text."""

from agents.figures.table import Row, Table


def test_markdown_has_names_to_the_left_and_numbers_to_the_right():
    table = Table(["name", "a", "b"], [Row("x", ["1", "2"]), Row("y", ["3", "—"])], "a note")
    assert table.markdown() == "| name | a | b |\n|---|---:|---:|\n| x | 1 | 2 |\n| y | 3 | — |"


def test_a_cell_of_markdown_holds_any_text():
    table = Table(["a|b", "c"], [Row("x\ny", ["| 1 | 2 |"])])
    assert table.markdown().splitlines()[2] == r"| x y | \| 1 \| 2 \| |"
    assert table.markdown().splitlines()[0] == r"| a\|b | c |"
