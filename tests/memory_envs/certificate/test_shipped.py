"""The shipped certificates are those that are computed, and scores are relative to them."""

import dataclasses
from importlib import resources

import pytest

import memory_envs
from memory_envs.certificate.report import Bounds, Certificate
from memory_envs.certificate.shipped import load, save
from memory_envs.registry.envs import ENVS
from tests.support.registered import certified
from tests.support.toys import NamedTMaze

EXACT_IDS = [row.id for row in ENVS if "IMaze" in row.id]
SLOW = {
    *("MemoryEnvs/IMaze-31x31-v0", "MemoryEnvs/IMaze-21x21-v0"),
    *("MemoryEnvs/IMaze-Cues8-v0", "MemoryEnvs/IMaze-Endless-Cues4-v0"),
}


def numbers(value):
    """Every number of a certificate, in order, and everything else as it is."""
    if isinstance(value, float):
        return pytest.approx(value, abs=1e-9)
    if isinstance(value, dict):
        return {name: numbers(each) for name, each in value.items()}
    return value


@pytest.mark.parametrize(
    "env_id", [pytest.param(each, marks=pytest.mark.slow) if each in SLOW else each for each in EXACT_IDS]
)
def test_computing_it_again_gives_the_shipped_certificate(env_id):
    assert certified(env_id).to_json() == numbers(memory_envs.reference(env_id).to_json())


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("env_id", [row.id for row in ENVS if "MetaFetch" in row.id])
def test_sampling_it_again_gives_nearly_the_shipped_certificate(env_id):
    again, shipped = memory_envs.certify(env_id), memory_envs.reference(env_id)
    for level in ("random", "memoryless", "perfect_memory", "optimum"):
        found, expected = (getattr(each, level).episode_return for each in (again, shipped))
        assert (found.lower, found.upper) == pytest.approx((expected.lower, expected.upper), rel=0.05)
    assert again.memory_required and shipped.memory_required


def test_a_certificate_ships_for_every_id_and_says_that_memory_is_required():
    for row in ENVS:
        certificate = memory_envs.reference(row.id)
        assert isinstance(certificate, Certificate)
        assert certificate.id == row.id and certificate.settings == row.kwargs
        assert certificate.memory_required, str(certificate)


def test_what_is_not_proved_of_meta_fetch_is_not_said():
    for row in ENVS:
        certificate = memory_envs.reference(row.id)
        searched = "MetaFetch" in row.id
        assert certificate.verdict == ("yes, as far as searched" if searched else "yes, proved")
        assert certificate.question == ("order only" if searched else None)


def test_levels_are_in_order_in_every_shipped_certificate():
    for row in ENVS:
        certificate = memory_envs.reference(row.id)
        for metric in ("episode_return", "success"):
            levels = [
                getattr(getattr(certificate, name), metric)
                for name in ("random", "memoryless", "perfect_memory", "optimum")
            ]
            for worse, better in zip(levels, levels[1:], strict=False):
                assert worse.lower <= better.upper
            assert all(level.lower <= level.upper for level in levels)


@pytest.mark.parametrize(
    "size, student", [("", 0.5), ("7x7-", 1.0), ("15x15-", 0.5), ("21x21-", 0.5), ("31x31-", 0.5)]
)
def test_who_imitates_the_optimum_of_a_maze_fetches_the_cue_where_it_lies_on_the_way_alone(size, student):
    certificate = memory_envs.reference(f"MemoryEnvs/IMaze-{size}v0")
    assert certificate.imitation_at_most.success == Bounds.exactly(student)
    # At the fork it draws anew in each step until it has left, which now and then outlasts the time limit.
    assert student - 1e-3 < certificate.imitation.success.lower <= student
    assert certificate.imitation_gap.lower == pytest.approx(1 - student, abs=1e-3)


def test_a_score_is_0_without_memory_and_1_with_perfect_memory():
    env_id = "MemoryEnvs/IMaze-v0"
    for value, score in ((0.5, 0.0), (1.0, 1.0), (0.75, 0.5), (0.0, -1.0)):
        assert memory_envs.normalized_score(env_id, value) == pytest.approx(score)
        assert memory_envs.normalized_score(env_id, value, metric="success") == pytest.approx(score)


def test_scores_that_mean_nothing_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="metric must be one of 'return', 'success', got 'steps'"):
        memory_envs.normalized_score("MemoryEnvs/IMaze-v0", 1.0, metric="steps")
    with pytest.raises(ValueError, match="did you mean 'MemoryEnvs/IMaze-v0'"):
        memory_envs.reference("MemoryEnvs/IMaze-v1")
    certificate = memory_envs.reference("MemoryEnvs/IMaze-v0")
    one = Bounds.exactly(1.0)
    easy = dataclasses.replace(certificate.memoryless, episode_return=one)
    monkeypatch.setattr(
        "memory_envs.certificate.shipped.reference",
        lambda env_id: dataclasses.replace(certificate, memoryless=easy),
    )
    with pytest.raises(ValueError, match="memory adds nothing"):
        memory_envs.normalized_score("MemoryEnvs/IMaze-v0", 1.0)


def test_scores_of_other_settings_and_tasks_take_a_certificate_of_their_own():
    env_id, kwargs = "MemoryEnvs/IMaze-7x7-v0", {"delay": 2}
    assert memory_envs.normalized_score(env_id, 0.75, env_kwargs=kwargs) == pytest.approx(0.5)
    told = {"analysis": ["known_cue"], "render_mode": "ansi"}  # of which the task is the same
    for settings in (told, kwargs | told):
        assert memory_envs.normalized_score(env_id, 0.75, env_kwargs=settings) == pytest.approx(0.5)
    own = memory_envs.certify(NamedTMaze(chances=(0.2, 0.8)), name="mine")
    low, high = own.memoryless.episode_return.lower, own.perfect_memory.episode_return.lower
    middle = (low + high) / 2
    for name in (None, "mine"):
        assert memory_envs.normalized_score(name, middle, certificate=own) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="that of 'mine', got env_id 'MemoryEnvs/IMaze-7x7-v0'"):
        memory_envs.normalized_score(env_id, 0.75, certificate=own)
    with pytest.raises(TypeError, match="exclude each other"):
        memory_envs.normalized_score("mine", 0.75, env_kwargs=kwargs, certificate=own)
    with pytest.raises(TypeError, match="must be a Certificate or None, got 'mine'"):
        memory_envs.normalized_score(None, 0.75, certificate="mine")
    with pytest.raises(ValueError, match="env_id must be an id"):
        memory_envs.normalized_score(None, 0.75)


def test_the_data_file_lies_where_a_wheel_carries_it():
    assert resources.files("memory_envs.certificate").joinpath("certificates.json").is_file()


def test_ids_may_name_the_package():
    named = "memory_envs:MemoryEnvs/IMaze-v0"
    assert memory_envs.reference(named) == memory_envs.reference("MemoryEnvs/IMaze-v0")
    assert memory_envs.normalized_score(named, 0.75) == pytest.approx(0.5)
    assert memory_envs.certify("memory_envs:MemoryEnvs/IMaze-7x7-v0").id == "MemoryEnvs/IMaze-7x7-v0"
    with pytest.raises(ValueError, match="no certificate of 'other:MemoryEnvs/IMaze-v0'"):
        memory_envs.reference("other:MemoryEnvs/IMaze-v0")


def test_ids_may_be_other_names_of_the_same():
    other, own = "MemoryEnvs/IMaze-9x9-v0", memory_envs.reference("MemoryEnvs/IMaze-v0")
    for name in (other, f"memory_envs:{other}"):
        assert memory_envs.reference(name) == own
        assert memory_envs.normalized_score(name, 0.75) == pytest.approx(0.5)
        assert memory_envs.normalized_score(name, 0.75, certificate=own) == pytest.approx(0.5)
    assert memory_envs.certify(other, env_kwargs={"size": 7}).id == own.id


def test_the_package_offers_certificates_by_name_only():
    assert {"certify", "normalized_score", "reference", "register_envs"} <= set(dir(memory_envs))
    assert callable(memory_envs.certify) and callable(memory_envs.reference)
    with pytest.raises(AttributeError, match="has no attribute 'certifi'"):
        memory_envs.certifi  # noqa: B018


def test_saved_certificates_load_as_they_were(tmp_path):
    certificates = [memory_envs.certify(NamedTMaze(), name=name) for name in ("one", "two")]
    save(certificates, tmp_path / "both.json")
    assert load((tmp_path / "both.json").read_text()) == {each.id: each for each in certificates}
