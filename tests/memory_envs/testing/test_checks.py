"""The conformance kit passes what is sound, and names the fault of everything that is not."""

import re
import subprocess
import sys

import gymnasium as gym
import numpy as np
import pytest

from memory_envs.testing import (
    ConformanceError,
    check_api,
    check_buffers,
    check_copies,
    check_determinism,
    check_rendering,
    check_state,
    check_vector,
    has_state,
)
from memory_envs.testing.__main__ import main
from memory_envs.testing.failure import difference
from memory_envs.testing.fresh import FreshProcessError, call_fresh
from tests.support import faulty
from tests.support.faulty import SPEC, Corridor

MODES = ["NextStep", "SameStep", "Disabled"]


def spec_of(env: type[Corridor], **kwargs) -> gym.envs.registration.EnvSpec:
    return gym.envs.registration.EnvSpec(
        f"Faulty/{env.__name__}-v0", entry_point=f"{env.__module__}:{env.__name__}", kwargs=kwargs
    )


def vector_of(kind: type):
    return lambda num_envs, autoreset_mode: kind([Corridor] * num_envs, autoreset_mode=autoreset_mode)


def objects(*values) -> np.ndarray:
    return np.array(values, dtype=object)


@pytest.mark.parametrize("env", [SPEC, Corridor], ids=["spec", "function"])
@pytest.mark.parametrize(
    "check", [check_api, check_copies, check_determinism, check_buffers, check_rendering, check_state]
)
def test_a_sound_environment_passes(check, env):
    check(env)


@pytest.mark.parametrize("mode", MODES)
def test_sound_vector_environments_pass_and_meet_both_endings(mode):
    met = check_vector(Corridor, 5, mode, steps=100, native=vector_of(gym.vector.SyncVectorEnv))
    # With DISABLED some of the calls are masked resets.
    assert met.steps == 500 if mode != "Disabled" else 300 < met.steps < 500
    assert met.terminated > 5 and met.truncated > 5
    check_buffers(Corridor, num_envs=3, autoreset_mode=mode)


@pytest.mark.parametrize(
    "check, fault, message",
    [
        (check_api, faulty.OutsideItsSpace, "not within the observation space"),
        (check_api, faulty.ClosesOnce, "already closed"),
        (check_api, faulty.RendersNothing, "check_env with render_mode='rgb_array' objects"),
        (check_api, faulty.CannotBePickled, "cannot be pickled: .*lambda"),
        (check_api, faulty.LosesItsLength, r"copy, taken before the first reset, plays differently"),
        (check_copies, faulty.LosesItsLength, "copy of a running episode plays differently"),
        (check_copies, faulty.CopiesBeginAnew, "a deep copy of a running episode plays differently"),
        (
            check_determinism,
            faulty.GlobalRandomness,
            r"a second environment plays .*observation\[1\] differs",
        ),
        (check_determinism, faulty.UnseededLaterEpisodes, "a second environment plays differently"),
        (check_determinism, faulty.RemembersEpisodes, r"reset\(seed\) does not .*info\['episodes'\] differs"),
        (check_determinism, faulty.SharedBetweenInstances, "while another one is played"),
        (check_determinism, faulty.HashDependent, r"PYTHONHASHSEED plays differently: info\['hash'\]"),
        (check_buffers, faulty.ReusesObservation, "observation shares memory with observation that step 0"),
        (check_buffers, faulty.ViewsOfATable, "observation shares memory with observation"),
        (check_buffers, faulty.SharedInfo, r"info\['constants'\] shares memory with info\['constants'\]"),
        (check_buffers, faulty.ReturnsItsOwnState, "writing over .* changes what follows: .*trail"),
        (check_buffers, faulty.KeepsActions, "an action already played, changes .*'previous'"),
        (check_buffers, faulty.WritesActions, "an action was written to; expected array"),
        (check_rendering, faulty.FloatFrames, r"expected 'uint8 \(height, width, 3\)', got 'float64"),
        (check_rendering, faulty.GrowingFrames, "frames of 'rgb_array' have several shapes"),
        (check_rendering, faulty.ReusesFrames, "a frame of 'rgb_array' shares memory with an earlier one"),
        (check_rendering, faulty.DrawsWithItsRandomness, "rendered, plays differently"),
        (check_rendering, faulty.MovesWhenRendered, r"rendered, plays differently: .* differs"),
        (check_rendering, faulty.ShowsAnArrayToHumans, r"render\(\) of 'human'; expected 'None'"),
        (check_rendering, faulty.SilentText, "'ansi'; expected 'text', got 'None'"),
        (check_state, faulty.ForgetsItsSteps, r"goes on differently from a state that was set"),
        (check_state, faulty.ForgetsItsRandomness, "goes on differently from a state that was set"),
        (check_state, faulty.StateOfNumpy, r"get_state\(\) is not JSON"),
        (check_state, faulty.WritesToTheState, r"set_state\(\) wrote to what it was given"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_fault_is_found_and_named(check, fault, message):
    with pytest.raises(ConformanceError, match=f"(?s){message}") as caught:
        check(spec_of(fault))
    assert caught.value.check == check.__name__.removeprefix("check_")


def test_arrays_that_need_a_display_are_found(monkeypatch):
    monkeypatch.setenv("DISPLAY", ":0")
    with pytest.raises(ConformanceError, match="(?s)rgb_array and ansi fail without a display.*no display"):
        check_rendering(spec_of(faulty.NeedsADisplay))


def test_a_randomness_that_only_drawing_touches_is_found():
    class Draws(faulty.DrawsWithItsRandomness):
        def reset(self, *, seed=None, options=None):
            observation, info = super().reset(seed=seed)
            self.cue = observation[1] = 0
            return observation, info

    with pytest.raises(ConformanceError, match="drawing frames of 'human' changes np_random"):
        check_rendering(Draws, fresh_process=False)


def test_settings_that_are_not_json_are_found():
    with pytest.raises(ConformanceError, match="its spec does not survive JSON"):
        check_api(spec_of(Corridor, length=np.int64(5)))


@pytest.mark.parametrize(
    "fault, mode, message",
    [
        (faulty.NarrowRewards, "NextStep", "dtype or shape of reward differs; expected 'float64 (4,)'"),
        (faulty.NoMasks, "NextStep", "keys of info differs"),
        (faulty.SwapsLanes, "NextStep", "step 0, lane 1: the native environment is not SyncVectorEnv"),
        (faulty.FinalObservationIsTheNext, "SameStep", "info['final_obs']["),
        (faulty.IgnoresTheMask, "Disabled", "differs"),
        (faulty.MergesTruncation, "NextStep", "terminated["),
    ],
)
def test_vector_environments_that_are_not_their_lanes_are_found(fault, mode, message):
    with pytest.raises(ConformanceError, match=re.escape(message)) as caught:
        check_vector(Corridor, 4, mode, native=vector_of(fault), kinds=["native"])
    assert caught.value.check == "vector" and caught.value.step is not None


def test_the_lane_and_the_values_of_a_difference_are_kept():
    def merged(num_envs, autoreset_mode):
        return faulty.MergesTruncation([Corridor] * num_envs, autoreset_mode=autoreset_mode)

    with pytest.raises(ConformanceError) as caught:
        check_vector(Corridor, 4, native=merged, kinds=["native"])
    failure = caught.value
    assert (failure.expected, failure.got) == (np.False_, np.True_)
    assert f"lane {failure.lane}:" in str(failure) and f"terminated[{failure.lane}]" in str(failure)


def test_a_vector_environment_of_another_mode_or_space_is_found():
    def stubborn(num_envs, autoreset_mode):
        return gym.vector.SyncVectorEnv([Corridor] * num_envs)

    with pytest.raises(
        ConformanceError, match="metadata.'autoreset_mode'. of the native environment differs"
    ):
        check_vector(Corridor, 2, "SameStep", native=stubborn)
    with pytest.raises(ConformanceError, match="num_envs of the native environment differs"):
        check_vector(Corridor, 2, native=lambda num_envs, autoreset_mode: stubborn(3, autoreset_mode))


def test_environments_that_depend_on_their_process_are_found():
    with pytest.raises(ConformanceError, match=r"the async environment is not .*info\['process'\]\[0\]"):
        check_vector(faulty.DependsOnItsProcess, 2)


def test_gymnasiums_own_vector_cartpole_is_found_to_seed_its_lanes_together():
    with pytest.raises(ConformanceError, match="step 0, lane 0: the native environment is not SyncVectorEnv"):
        check_vector("CartPole-v1", 3, kinds=["native"])
    check_vector("CartPole-v1", 3, kinds=["async"], steps=30)


@pytest.mark.parametrize(
    "fault, message",
    [
        (faulty.ReusesRewards, "reward shares memory with reward that step"),
        (faulty.SharesMasks, r"info\['_steps'\] shares memory with info\['_is_success'\]"),
    ],
)
def test_shared_arrays_of_a_vector_environment_are_found(fault, message):
    spec = gym.envs.registration.EnvSpec(
        "Faulty/Vector-v0", entry_point="tests.support.faulty:Corridor", vector_entry_point=vector_of(fault)
    )
    with pytest.raises(ConformanceError, match=message):
        check_buffers(spec, num_envs=3)


@pytest.mark.parametrize(
    "one, other, place",
    [
        ({"a": [1, (2, 3)]}, {"a": [1, (2, 4)]}, "a[1][1]"),
        ({"a": True}, {"a": np.True_}, "type of a"),
        ({"a": 1}, {"b": 1}, "keys of the result"),
        ({"a": [1]}, {"a": [1, 2]}, "length of a"),
        ({"a": np.zeros(2)}, {"a": np.zeros(2, np.float32)}, "dtype or shape of a"),
        ({"a": np.array([[1, 2], [3, 4]])}, {"a": np.array([[1, 2], [5, 4]])}, "a[1, 0]"),
        ({"a": objects(None, np.zeros(2))}, {"a": objects(None, np.ones(2))}, "a[1][0]"),
    ],
)
def test_differences_are_placed(one, other, place):
    assert difference(one, one) is None
    assert difference(one, other).place == place


def test_nan_equals_nan_and_nothing_else():
    one, other = {"a": np.array([1.0, np.nan]), "b": np.nan}, {"a": np.array([1.0, np.nan]), "b": np.nan}
    assert difference(one, other) is None
    other["a"][0] = np.nan
    assert difference(one, other).element == (0,)


def test_functions_run_in_a_fresh_process_and_their_errors_come_back():
    assert call_fresh(lambda name: __import__("os").environ.get(name), "A", environ={"A": "b"}) == "b"
    assert call_fresh(lambda name: __import__("os").environ.get(name), "PATH", environ={"PATH": None}) is None
    with pytest.raises(FreshProcessError, match="ZeroDivisionError"):
        call_fresh(lambda: 1 / 0)
    with pytest.raises(FreshProcessError, match="ended with status 3"):
        call_fresh(lambda: __import__("os")._exit(3))


def test_what_cannot_be_checked_is_refused_by_name():
    with pytest.raises(TypeError, match="env must be an id, an EnvSpec or a function that makes one, got 3"):
        check_api(3)
    with pytest.raises(ValueError, match="kinds must be among 'native', 'async', got 'asynch'"):
        check_vector(Corridor, kinds=["asynch"])
    with pytest.raises(ValueError, match="has no vector environment of the mode AutoresetMode.SAME_STEP"):
        check_state("CartPole-v1", num_envs=2, autoreset_mode="SameStep")
    assert has_state(Corridor) and not has_state("CartPole-v1")


def test_the_command_lists_checks_and_fails_with_them(capsys):
    gym.register("Faulty/Corridor-v0", entry_point="tests.support.faulty:Corridor")
    gym.register("Faulty/Hash-v0", entry_point="tests.support.faulty:HashDependent")
    try:
        assert main(["Faulty/Corridor-v0", "--steps", "20", "--set", "length=4"]) == 0
        assert main(["Faulty/Corridor-v0", "--steps", "20", "--env-kwargs", '{"length": 4}']) == 0
        sound = capsys.readouterr().out
        assert main(["Faulty/Hash-v0", "--steps", "20"]) == 1
        unsound = capsys.readouterr().out
    finally:
        del gym.registry["Faulty/Corridor-v0"], gym.registry["Faulty/Hash-v0"]
    assert "  ok  vector, SameStep, async" in sound and sound.endswith("all checks passed\n")
    assert "  -   vector, SameStep, native: no vector environment of its own" in sound
    assert " FAIL determinism: ConformanceError: determinism at step 0: " in unsound
    assert unsound.endswith("1 of 12 checks failed\n")
    assert main(["MemoryEnvs/Nothing-v0"]) == 2
    assert "MemoryEnvs/Nothing-v0 cannot be made" in capsys.readouterr().err


def test_the_kit_is_imported_without_the_compiler():
    program = (
        "import sys, memory_envs.testing; print(sorted({'numba', 'pygame', 'pytest'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
