"""Version 0 stays what it is: episodes recorded once are played again to the bit."""

import json

import numpy as np
import pytest

import memory_envs  # noqa: F401  (registers the environments)
from memory_envs.registry.envs import ENVS
from memory_envs.rendering.sprites import sprite_table
from memory_envs.replay import Replay, ReplayMismatch
from tests.support.golden import __main__ as golden
from tests.support.golden.episodes import DIGESTS, FOLDER, LOOKS, SPRITES, digest, episodes

KEPT = episodes()


@pytest.mark.parametrize("episode", KEPT, ids=[episode.name for episode in KEPT])
def test_golden_replays_verify_and_tell_the_agent_the_same(episode):
    replay = Replay.load(episode.path)
    assert (replay.env_id, replay.kwargs) == (episode.env_id, episode.kwargs)
    assert digest(replay) == json.loads(DIGESTS.read_text())[episode.name]


def test_every_id_and_every_ending_is_among_them():
    replays = [Replay.load(episode.path, verify=False) for episode in KEPT]
    assert {replay.env_id for replay in replays} == {row.id for row in ENVS}
    returns = {replay.episode_return for replay in replays}
    assert {1.0, 0.0, -1.0} <= returns and max(returns) > 10
    assert {path.stem for path in FOLDER.glob("*.json")} == {episode.name for episode in KEPT} | {"digests"}


def test_a_golden_replay_notices_a_changed_rule(monkeypatch):
    from memory_envs import replay

    episode = next(each for each in KEPT if each.name == "IMaze-v0-right")
    real = replay.episode.open_env

    def shifted(env_id, kwargs):
        return real(env_id, kwargs | {"start": "center"})

    monkeypatch.setattr(replay.episode, "open_env", shifted)
    with pytest.raises(ReplayMismatch, match="step 0 led to state"):
        Replay.load(episode.path)


def test_tiles_keep_their_pictures():
    # One level of difference: square roots and sines are rounded differently by other processors.
    with np.load(SPRITES) as kept:
        assert set(kept) == set(LOOKS)
        for name, looks in LOOKS.items():
            assert np.abs(kept[name].astype(int) - sprite_table(looks, 12)).max() <= 1


def test_recording_again_leaves_every_file_alone(capsys):
    before = {path: path.read_bytes() for path in FOLDER.iterdir() if path.is_file()}
    golden.main()
    assert {path: path.read_bytes() for path in FOLDER.iterdir() if path.is_file()} == before
    assert capsys.readouterr().out == ""
