"""The log of a run: progress.csv and TensorBoard events, which a resumed run continues."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat, filter_excluded_keys
from torch.utils.tensorboard import SummaryWriter

from agents.runs.directory import RunDirectory
from memory_envs.files import replacing

FRAMES = "time/total_timesteps"
SECONDS = "time/training_seconds"
CPU_SECONDS = "time/cpu_seconds"
EPISODES = "rollout/episodes"

Row = dict[str, str]


def open_log(run: RunDirectory, frames: int, keep: Callable[[int], bool]) -> Logger:
    """Return a logger that continues the log of a run, or starts it.

    Args:
        run: Whose log.
        frames: Of training so far.
        keep: Whether to keep the row of a number of frames; dropped rows will be logged again.
    """
    kept = [row for row in read_rows(run.progress) if keep(int(row[FRAMES]))]
    return Logger(str(run.path), [ProgressTable(run.progress, kept), Events(run.tensorboard, frames)])


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a progress.csv, column -> text; none if there is no file."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class ProgressTable(KVWriter):
    """A CSV file that grows by a row per log interval, and by columns when new metrics appear.

    SB3's own format starts a new file. This one continues after earlier rows, and its columns come in the
    order in which they were first logged.
    """

    def __init__(self, path: Path, rows: list[Row]) -> None:
        """Write `rows` to `path`, in place of what was there."""
        self.path, self.rows = path, rows
        self.columns = list(dict.fromkeys(column for row in rows for column in row))
        self._rewrite()

    def write(
        self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0
    ) -> None:
        """Append a row."""
        row = {
            key: str(value) for key, value in filter_excluded_keys(key_values, key_excluded, "csv").items()
        }
        new = [column for column in row if column not in self.columns]
        self.columns += new
        self.rows.append(row)
        if new:
            self._rewrite()
        else:
            with self.path.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, self.columns).writerow(row)

    def close(self) -> None:
        """Nothing is held open."""

    def _rewrite(self) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns)
        if self.columns:
            writer.writeheader()
        writer.writerows(self.rows)
        with replacing(self.path) as file:
            file.write_bytes(text.getvalue().encode())


class Events(TensorBoardOutputFormat):
    """SB3's TensorBoard format, hiding what an earlier session logged beyond the checkpoint."""

    def __init__(self, folder: Path, frames: int) -> None:
        """Begin a file of events in `folder`, which follow those up to `frames`."""
        _make_room_for_a_later_name(folder)
        self.writer = SummaryWriter(log_dir=str(folder), purge_step=frames + 1 if frames else None)
        self._is_closed = False


def _make_room_for_a_later_name(folder: Path) -> None:
    """Let a new file of events sort behind those in `folder`.

    TensorBoard reads the files of a folder in the order of their names, which begin with the second they were
    begun in: of two from the same second, the later one may come first, and hide nothing. So that second is
    waited for to pass. Files from seconds that are still to come, because the clock was set back, get earlier
    ones, in their order.
    """
    files = {file: _second(file) for file in folder.glob("events.out.tfevents.*")}
    known = sorted((second, file.name, file) for file, second in files.items() if second is not None)
    latest = known[-1][0] if known else 0
    while int(time.time()) == latest:
        time.sleep(0.02)
    if latest < (limit := int(time.time())):
        return
    earlier = []
    for second, _, file in reversed(known):
        limit = min(second, limit - 1)
        earlier.append((file, limit))
    for file, second in reversed(earlier):  # the first one first, so that they are in order at any moment
        parts = file.name.split(".")
        file.rename(file.with_name(".".join([*parts[:3], f"{second:010d}", *parts[4:]])))


def _second(file: Path) -> int | None:
    """The second that a file of events was begun in; None if its name does not say."""
    parts = file.name.split(".")
    return int(parts[3]) if len(parts) > 4 and parts[3].isascii() and parts[3].isdecimal() else None


def column(rows: list[Mapping[str, str]] | list[Row], name: str) -> list[float]:
    """Return a column as numbers; nan where a row has none."""
    return [float(row.get(name) or "nan") for row in rows]
