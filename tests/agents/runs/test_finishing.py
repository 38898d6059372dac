"""What is written when a run is complete."""

import json


def test_evaluation_covers_both_ways_to_act(small_run):
    evaluation = json.loads((small_run / "evaluation.json").read_text())
    assert {name: each["episodes"] for name, each in evaluation.items()} == {"sampled": 4, "deterministic": 4}
