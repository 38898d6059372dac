"""The log of a run: progress.csv and TensorBoard events, which a resumed run continues."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import shutil
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
# Names that TensorBoard's writer gives.
_EVENTS = re.compile(r"events\.out\.tfevents\.([0-9]{1,12})\..+")

Row = dict[str, str]


def open_log(run: RunDirectory, frames: int, keep: Callable[[int], bool]) -> Logger:
    """Return a logger that continues the log of a run, or starts it.

    Args:
        run: Whose log.
        frames: Of training so far.
        keep: Whether to keep the row of a number of frames; dropped rows will be logged again.
    """
    kept = [row for row in recover_rows(run.progress)[0] if keep(int(row[FRAMES]))]
    table = ProgressTable(run.progress, kept)  # first: should it fail, no thread writes events yet
    events = Events(run.tensorboard, frames)
    events.describe(run.read_config())
    return Logger(str(run.path), [table, events])


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a progress.csv, column -> text; none if there is no file.

    Raises:
        ValueError: The file is no table; names it.
    """
    return read_table(path) if path.exists() else []


def read_table(path: Path) -> list[Row]:
    """Return the rows of comma-separated values, column -> text; a row may end early.

    Raises:
        ValueError: The file is no such table; names it and the row.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        try:
            rows = list(reader)
        except (csv.Error, UnicodeDecodeError) as problem:
            raise ValueError(f"{path} is no table: row {reader.line_num}: {problem}") from problem
    for number, row in enumerate(rows, start=1):
        if None in row:
            raise ValueError(f"{path} is no table: row {number} has more values than there are columns")
    return rows


def sound_rows(path: Path) -> list[Row]:
    """Return the rows of a progress.csv; none if there is no file. The last may be half written.

    Raises:
        ValueError: One cannot be read; names the file.
    """
    content = path.read_bytes() if path.exists() else b""
    rows, is_whole = _readable(content)
    if not is_whole and not content.endswith(b"\n"):
        rows, is_whole = _readable(content[: content.rfind(b"\n") + 1])
    if not is_whole:
        raise ValueError(f"{path} has rows that are none")
    return rows


def recover_rows(path: Path) -> tuple[list[Row], Path | None]:
    """Return the rows of a progress.csv that can be read, whatever else is in it.

    Returns:
        The rows, and where the file was copied to because some could not be read; None if all could.
    """
    if not path.exists():
        return [], None
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]  # the numbers of a line without end may have lost digits
    rows, is_whole = _readable(whole)
    if is_whole and whole == content:
        return rows, None
    aside = path.with_name(f"{path.name}.damaged")
    for number in itertools.count(2):
        if not aside.exists():
            break
        aside = path.with_name(f"{path.name}.damaged-{number}")
    shutil.copyfile(path, aside)
    return rows, aside


def _readable(content: bytes) -> tuple[list[Row], bool]:
    """The rows that can be read, and whether these are all."""
    lines = [_values(line) for line in content.splitlines()]
    if not lines:
        return [], True
    columns, *others = lines
    rows = [dict(zip(columns, values, strict=True)) for values in others if _is_row(values, columns)]
    return rows, FRAMES in columns and len(rows) == len(others)


def _values(line: bytes) -> list[str]:
    """The values of a line; none if it is no text."""
    try:
        [values] = csv.reader([line.decode()], strict=True)
    except (UnicodeDecodeError, csv.Error, ValueError):
        return []
    return values


def _is_row(values: list[str], columns: list[str]) -> bool:
    """Whether there is a number for each column, or nothing, and a whole one of frames."""
    if len(values) != len(columns) or FRAMES not in columns:
        return False
    frames = values[columns.index(FRAMES)]
    return frames.isascii() and frames.isdecimal() and all(_is_number(value) for value in values)


def _is_number(text: str) -> bool:
    try:
        float(text or "nan")
    except ValueError:
        return False
    return "\0" not in text


class ProgressTable(KVWriter):
    """A CSV file that grows by a row per log interval, and by columns when new metrics appear.

    SB3's own format starts a new file. This one continues after earlier rows, and its columns come in the
    order in which they were first logged. A file that somebody removed or changed is written whole again.
    """

    def __init__(self, path: Path, rows: list[Row]) -> None:
        """Write `rows` to `path`, in place of what was there."""
        self.path, self.rows = path, rows
        self._size = -1  # of the file, as it was left here
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
        if new or self._found_size() != self._size:
            self._rewrite()
        else:
            with self.path.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, self.columns).writerow(row)
            self._size = self._found_size()

    def close(self) -> None:
        """Nothing is held open."""

    def _rewrite(self) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, self.columns)
        if self.columns:
            writer.writeheader()
        writer.writerows(self.rows)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.path) as file:
            file.write_bytes(text.getvalue().encode())
        self._size = self._found_size()

    def _found_size(self) -> int:
        """Of the file; -1 if there is none."""
        try:
            return self.path.stat().st_size
        except OSError:
            return -1


class Events(TensorBoardOutputFormat):
    """SB3's TensorBoard format, hiding what an earlier session logged beyond the checkpoint."""

    def __init__(self, folder: Path, frames: int) -> None:
        """Begin a file of events in `folder`, which follow those up to `frames`."""
        self._folder, follows = folder, _make_room_for_a_later_name(folder)
        self.writer = SummaryWriter(log_dir=str(folder), purge_step=frames + 1 if follows else None)
        self._is_closed = False

    def describe(self, config: Mapping[str, Any]) -> None:
        """Write the configuration of a run, and which curves belong together."""
        text = json.dumps(config, indent=2)
        # Four spaces make it code of Markdown.
        self.writer.add_text("configuration", "\n".join(f"    {line}" for line in text.splitlines()))
        if "distillation_steps" in config.get("config", {}):  # else there is no actor beside the learner
            entropies = ["Multiline", ["actor/entropy", "learner/entropy"]]
            self.writer.add_custom_scalars({"policies": {"entropy of actor and learner": entropies}})

    def write(
        self, key_values: dict[str, Any], key_excluded: dict[str, tuple[str, ...]], step: int = 0
    ) -> None:
        """Write events, into a folder that somebody may have removed meanwhile."""
        self._folder.mkdir(parents=True, exist_ok=True)
        super().write(key_values, key_excluded, step)


def _make_room_for_a_later_name(folder: Path) -> bool:
    """Let a new file of events sort behind those in `folder`.

    TensorBoard reads the files of a folder in the order of their names, which begin with the second they were
    begun in: of two from the same second, the later one may come first, and hide nothing. So that second is
    waited for to pass. Files from seconds that are still to come, because the clock was set back, get earlier
    ones, in their order.

    Returns:
        Whether there are any.
    """
    files = {file: _second(file) for file in folder.glob("events.out.tfevents.*")}
    known = sorted((second, file.name, file) for file, second in files.items() if second is not None)
    latest = known[-1][0] if known else 0
    while int(time.time()) == latest:
        time.sleep(0.02)
    if latest < (limit := int(time.time())):
        return bool(known)
    earlier = []
    for second, _, file in reversed(known):
        limit = min(second, limit - 1)
        earlier.append((file, limit))
    for file, second in reversed(earlier):  # the first one first, so that they are in order at any moment
        parts = file.name.split(".")
        file.rename(file.with_name(".".join([*parts[:3], f"{second:010d}", *parts[4:]])))
    return True


def _second(file: Path) -> int | None:
    """The second that a file of events was begun in; None if its name is none of theirs."""
    found = _EVENTS.fullmatch(file.name)
    return int(found[1]) if found else None


def column(rows: list[Mapping[str, str]] | list[Row], name: str) -> list[float]:
    """Return a column as numbers; nan where a row has none."""
    return [float(row.get(name) or "nan") for row in rows]
