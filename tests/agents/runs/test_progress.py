"""What is shown of a training while it runs."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace

import pytest
from rich.console import Console

from agents.runs import progress
from agents.runs.progress import Bar, Snapshot, TrainingProgress, format_count, format_duration

ROLLOUT, ACTING, UPDATING = 1000, 1.0, 4.0  # frames, seconds, seconds


def progress_after(rollouts: int, monkeypatch: pytest.MonkeyPatch) -> TrainingProgress:
    """The progress of a training that collects, and only then learns, as those of Stable-Baselines3 do."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress.time, "perf_counter", lambda: clock.now)
    shown = TrainingProgress(rollouts * ROLLOUT, Console(file=io.StringIO()))
    shown.model = SimpleNamespace(num_timesteps=0, ep_success_buffer=None, ep_info_buffer=None)  # type: ignore[assignment]
    shown._on_training_start()
    for _ in range(rollouts):
        clock.now += ACTING
        shown.model.num_timesteps += ROLLOUT
        shown._on_rollout_end()
        clock.now += UPDATING
    return shown


@pytest.mark.parametrize("rollouts", [1, 2, 3, 50, 250])
def test_speed_counts_every_update(rollouts, monkeypatch):
    shown = progress_after(rollouts, monkeypatch)
    shown._on_training_end()
    assert shown.snapshot().frames == rollouts * ROLLOUT
    assert shown.snapshot().frames_per_second == pytest.approx(ROLLOUT / (ACTING + UPDATING))


def test_speed_is_a_mean_over_many_rollouts(monkeypatch):
    assert len(progress_after(50, monkeypatch)._times) == 50


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize("successes", [(0.993, 200), (1.0, 7), (None, 0)])
def test_a_bar_is_a_bar_and_every_number_is_whole_on_a_line(width, successes):
    screen = io.StringIO()
    bar = Bar(Console(file=screen, width=width, force_terminal=True, color_system=None))
    success, episodes = successes
    bar.show(Snapshot(350_000, 700_000, success, 12.345, 8912.0, 42.0, episodes))
    bar.close()
    line = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue()).strip().splitlines()[-1].strip("\r")
    assert len(line.rstrip()) <= width and line.index("0.35M") > 10 and line.startswith("━━━━━")
    told = "return 12.345" if success is None else f"success {success:.3f}"
    for text in ("0.35M of 0.70M ", told, "8,912 frames/s", "0:42 left"):
        assert text in line, line


def test_durations_are_clock_times():
    assert [format_duration(seconds) for seconds in (0, 59.6, 3599, 3600)] == [
        "0:00",
        "1:00",
        "59:59",
        "1:00:00",
    ]


def test_counts_of_frames_stay_short():
    assert [format_count(frames) for frames in (0, 99_999, 100_000, 1_600_000)] == [
        "0",
        "99,999",
        "0.10M",
        "1.60M",
    ]


@pytest.mark.parametrize(("episodes", "said"), [(1, " of 1 episode"), (7, " of 7 episodes"), (50, "")])
def test_a_success_rate_of_few_episodes_says_so(episodes: int, said: str) -> None:
    snapshot = Snapshot(100, 200, 1.0, 0.5, 10.0, 10.0, episodes)
    assert snapshot.fields()["success"] == f"success 1.000{said}"
