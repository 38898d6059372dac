"""Actors as C files: they compile without a warning, and play as their policies do."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from torch import nn

from agents.export import c_actor, exporter
from agents.export.__main__ import main
from agents.export.c_actor import CActor, CompileError, find_compiler
from agents.export.c_source import C_TYPES, c_source
from agents.export.check import ExportError
from agents.export.exporter import export_c
from tests.support.exported import BOX, IMAGE, LANES, STEPS, Scaled, policy, starts
from tests.support.tiny import maze_model

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    pytest.mark.skipif(find_compiler() is None, reason="there is no C compiler"),
]

SPACES: dict[str, spaces.Space[Any]] = {
    "numbers": BOX,
    "bytes in a table": spaces.Box(0, 3, (2, 5), np.uint8),
    "doubles": spaces.Box(-1, 1, (2,), np.float64),
    "a choice": spaces.Discrete(4),
    "choices": spaces.MultiDiscrete([3, 2, 4]),
    "bits": spaces.MultiBinary(5),
}
NETWORKS: dict[str, dict[str, Any]] = {
    "bare": {},
    "layers of tanh": {"net_arch": {"pi": [6, 4], "vf": []}},
    "a rectified layer": {"net_arch": [6], "activation_fn": nn.ReLU},
}


@pytest.mark.parametrize(
    ("kind", "network"), [*((kind, "bare") for kind in SPACES), *(("numbers", each) for each in NETWORKS)]
)
def test_a_c_file_plays_as_its_policy_does(kind: str, network: str, tmp_path: Path) -> None:
    space = SPACES[kind]
    built = policy(space=space, **NETWORKS[network])
    export = export_c(built, tmp_path / "actor.c")
    assert export.agreement is not None and export.agreement.largest < 1e-5
    actor = CActor(tmp_path / "actor.c", seed=0)
    space.seed(0)
    ours = theirs = None
    for t in range(STEPS):
        observation, first = np.array([space.sample() for _ in range(LANES)]), starts()[t]
        expected, theirs = built.predict(observation, theirs, first, deterministic=True)
        actions, ours = actor.predict(observation, ours, first, deterministic=True)
        assert np.array_equal(actions, expected) and actions.dtype == expected.dtype
        for left, right in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)
    single, _ = actor.predict(np.asarray(space.sample()))
    assert single.shape == ()


def test_several_layers_of_recurrent_ppo_keep_their_memories_apart(tmp_path: Path) -> None:
    export = export_c(policy(RecurrentActorCriticPolicy, n_lstm_layers=2), tmp_path / "actor.c")
    assert export.agreement is not None and export.agreement.episodes > 5


def test_sampled_actions_have_the_policys_probabilities_and_a_seed_repeats_them(tmp_path: Path) -> None:
    built = policy()
    export_c(built, tmp_path / "actor.c")
    observation = np.tile(np.array([0.5, -0.2, 0.9], np.float32), (20_000, 1))
    actor, again = CActor(tmp_path / "actor.c", seed=3), CActor(tmp_path / "actor.c", seed=3)
    said, _ = actor.step(observation[:1])
    meant = torch.as_tensor(said.policy[0]).softmax(-1).numpy()
    actions, _ = actor.predict(observation)
    assert np.bincount(actions, minlength=3) / len(actions) == pytest.approx(meant, abs=0.015)
    assert 0.02 < meant.min() and np.array_equal(actions, again.predict(observation)[0])


MAIN = """
#include <stdio.h>
#include "actor.c"
int main(void) {
    static const actor_number seen[3][ACTOR_NUMBERS] = {
        {0.5f, -0.25f, 1.0f}, {-1.0f, 0.125f, 0.0f}, {1.0f, 1.0f, 1.0f}};
    actor_state state;
    float logits[ACTOR_ACTIONS];
    actor_reset(&state);
    for (int t = 0; t < 3; ++t) {
        actor_logits(&state, seen[t], logits);
        printf("%d %.9g %.9g %.9g\\n", actor_choice(logits, -1.0), logits[0], logits[1], logits[2]);
    }
    return 0;
}
"""


def test_the_file_is_all_that_a_program_in_c_needs(tmp_path: Path) -> None:
    built = policy()
    export_c(built, tmp_path / "actor.c")
    (tmp_path / "main.c").write_text(MAIN.replace("\\\\n", "\\n"))
    command = [find_compiler(), "-std=c99", "-pedantic", "-Wall", "-Werror", "main.c", "-o", "main", "-lm"]
    subprocess.run(command, cwd=tmp_path, check=True)
    told = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout.splitlines()
    seen = np.array([[0.5, -0.25, 1.0], [-1.0, 0.125, 0.0], [1.0, 1.0, 1.0]], np.float32)
    network, memory = built.as_network(), built.as_network().initial_state(1)
    for line, observation in zip(told, seen, strict=True):
        action, *logits = map(float, line.split())
        with torch.no_grad():
            outputs, memory = network.step(
                torch.as_tensor(observation[None]), memory, torch.zeros(1, dtype=torch.bool)
            )
        np.testing.assert_allclose(logits, outputs.policy[0], rtol=1e-4, atol=1e-5)
        assert action == int(outputs.policy.argmax())


def test_what_a_c_file_cannot_hold_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    refused = {
        "an LSTM, got GRUCore": policy(core="gru"),
        "flattened, got the features extractor NatureCNN": policy(space=IMAGE),
        "flattened, got the features extractor Scaled": policy(features_extractor_class=Scaled),
        "Linear, Tanh, ReLU, got ELU": policy(net_arch=[3], activation_fn=nn.ELU),
    }
    for message, built in refused.items():
        with pytest.raises(ValueError, match=f"{message}: choose a path that ends in .onnx"):
            export_c(built, tmp_path / "actor.c")
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_the_space_does_not_have_are_refused(tmp_path: Path) -> None:
    export_c(policy(space=SPACES["choices"]), tmp_path / "actor.c")
    actor = CActor(tmp_path / "actor.c")
    for wrong in ([3, 0, 0], [0, -1, 0], [0, 0, 4]):
        with pytest.raises(ValueError, match="must be of the actor's space"):
            actor.predict(np.array(wrong))
    assert actor.predict(np.array([2, 1, 3]))[0] in range(3)
    for odd in (np.zeros(4, int), np.zeros(3)):
        with pytest.raises(
            ValueError, match=f"3 numbers of int64 for each lane, got {odd.size} of {odd.dtype}"
        ):
            actor.predict(odd)


def test_a_file_that_disagrees_or_does_not_compile_never_appears(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built, out = policy(), tmp_path / "actor.c"
    out.write_text("before")
    for source, message in (
        (c_source(built).replace("tanhf(c[i])", "c[i]"), "differs from its policy"),
        (c_source(built).replace("return 0;", "return zero;"), "does not compile"),
    ):
        monkeypatch.setattr(exporter, "c_source", lambda _, source=source: source)
        with pytest.raises(ExportError, match=message):
            export_c(built, out)
        assert out.read_text() == "before" and len(list(tmp_path.iterdir())) == 1


def test_without_a_compiler_the_file_is_written_and_said_to_be_unchecked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    export = export_c(policy(), tmp_path / "actor.c")
    assert "not compared with torch: none of the C compilers cc, gcc, clang is here" in export.summary()
    with pytest.raises(CompileError, match="needs a C compiler, and none of cc, gcc, clang is there"):
        CActor(tmp_path / "actor.c")
    (tmp_path / "other.c").write_text("int main(void) { return 0; }")
    with pytest.raises(ValueError, match=r"other\.c must be a C file that agents\.export wrote"):
        CActor(tmp_path / "other.c")


def test_numpy_has_the_types_of_c() -> None:
    assert {c_actor.DTYPES[c]: name for name, c in C_TYPES.items()} == {np.dtype(x).type: x for x in C_TYPES}


def test_the_command_writes_c_where_the_name_ends_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    maze_model().save(tmp_path / "model.zip")
    assert main([str(tmp_path / "model.zip"), "--out", str(tmp_path / "maze.c")]) == 0
    said = capsys.readouterr().out
    assert "maze.c: " in said and "\nC and torch agree over 144 steps with " in said and "inputs" not in said
