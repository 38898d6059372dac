"""Means between two rows of the log."""

import json

import torch

from agents.sb3.means import RunningMeans


def test_means_are_of_the_values_since_they_were_taken():
    means = RunningMeans()
    means.add({"eta": 1.0, "kl": torch.tensor(0.5)})
    means.add({"eta": 2.0})
    assert means.take() == {"eta": 1.5, "kl": 0.5}
    means.add({"eta": 4.0})
    assert means.take() == {"eta": 4.0} and means.take() == {}


def test_means_go_on_from_their_state_which_is_plain():
    means, other = RunningMeans(), RunningMeans()
    means.add({"eta": torch.tensor(1.0)})
    other.load_state_dict(json.loads(json.dumps(means.state_dict())))
    other.add({"eta": 3.0})
    assert other.take() == {"eta": 2.0}
