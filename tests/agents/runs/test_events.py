"""What TensorBoard shows of a run beside its curves."""

import json

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import memory_envs
from agents.evaluation.episodes import Episode, Evaluation
from agents.runs.command_line import parse
from agents.runs.directory import RunDirectory
from agents.runs.events import log_result
from agents.runs.log import Events


@pytest.fixture(scope="module")
def events(small_run):
    found = EventAccumulator(str(small_run / "tensorboard"), size_guidance={"scalars": 0, "tensors": 0})
    return found.Reload()


def test_the_final_evaluation_is_scalars(events, small_run):
    evaluation = json.loads((small_run / "evaluation.json").read_text())
    for how in ("sampled", "deterministic"):
        [success] = events.Scalars(f"evaluation/{how}/success")
        assert success.value == pytest.approx(evaluation[how]["success"]["mean"])
        assert success.step == events.Scalars("learner/entropy")[-1].step


def test_a_score_says_what_it_is_worth_where_a_certificate_ships(tmp_path):
    maze = memory_envs.reference("MemoryEnvs/IMaze-v0")
    found = Evaluation.of([Episode(1.0, 20, True)] * 3 + [Episode(-1.0, 20, False)])
    log_result(RunDirectory(tmp_path), parse(["--preset", "imaze/ald"]), 560, {"sampled": found}, maze)
    told = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    [worth] = told.Scalars("evaluation/sampled/normalised_score")
    assert (worth.step, worth.value) == (560, pytest.approx(0.5))


def test_processor_time_and_both_entropies_are_curves_and_stand_together(events):
    cpu = [each.value for each in events.Scalars("time/cpu_seconds")]
    assert cpu == sorted(cpu) and cpu[0] > 0
    layout = str(events.Tensors("custom_scalars__config__")[0].tensor_proto)
    for name in ("actor/entropy", "learner/entropy"):
        assert name in layout and events.Scalars(name)


def test_no_chart_of_two_entropies_stays_empty(tmp_path):
    for agent, has_chart in (("ald", True), ("ppo", False)):
        told = Events(tmp_path / agent, 0)
        told.describe(parse(["--agent", agent, "--env", "CartPole-v1"]).to_dict())
        told.close()
        tags = EventAccumulator(str(tmp_path / agent)).Reload().Tags()["tensors"]
        assert ("custom_scalars__config__" in tags) == has_chart
        assert "configuration/text_summary" in tags


def test_configuration_is_text_and_hyperparameters_can_be_compared(events, small_run):
    [text] = events.Tensors("configuration/text_summary")
    shown = text.tensor_proto.string_val[0].decode()
    assert '"unroll_length"' in shown and all(line.startswith("    ") for line in shown.splitlines())
    config = json.loads((small_run / "config.json").read_text())
    plugin = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    for name in ("agent", "preset", *config["config"]):
        assert name.encode() in plugin
