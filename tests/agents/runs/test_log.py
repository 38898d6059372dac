"""Files of the log that grow over sessions."""

import csv

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer
from tensorboard.summary.writer.event_file_writer import AtomicCounter

from agents.runs import log
from agents.runs.log import FRAMES, SECONDS, Events, ProgressTable, read_rows, recover_rows


def test_events_of_a_session_hide_earlier_ones_even_if_begun_in_the_same_second(tmp_path, monkeypatch):
    """Names of files count up as text, so that 10 sorts before 9."""
    monkeypatch.setattr(event_file_writer, "_global_uid", AtomicCounter(9))
    for first, last in ((0, 3), (2, 4)):
        events = Events(tmp_path, first)
        for step in range(first + 1, last + 1):
            events.write({"x": float(first)}, {"x": ()}, step)
        events.close()
    found = EventAccumulator(str(tmp_path), purge_orphaned_data=True).Reload().Scalars("x")
    assert [(event.step, event.value) for event in found] == [(1, 0.0), (2, 0.0), (3, 2.0), (4, 2.0)]


def test_table_goes_on_with_new_columns(tmp_path):
    path = tmp_path / "progress.csv"
    ProgressTable(path, []).write({"a": 1.5}, {"a": ()})
    table = ProgressTable(path, read_rows(path))
    table.write({"a": 2.5, "b": 3, "hidden": 4}, {"a": (), "b": (), "hidden": ("csv",)})
    table.write({"b": 5}, {"b": ()})
    with path.open(newline="") as file:
        assert list(csv.reader(file)) == [["a", "b"], ["1.5", ""], ["2.5", "3"], ["", "5"]]


def test_events_follow_those_of_earlier_sessions_and_no_copies_of_somebody(tmp_path):
    for name in ("events.out.tfevents.backup", "events.out.tfevents", "events.out.tfevents.٣.x", "notes.txt"):
        (tmp_path / name).write_text("mine")
    Events(tmp_path, 3).close()
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize("harm", ["removed", "emptied", "truncated", "appended to", "moved away"])
def test_a_table_that_is_harmed_during_a_run_is_written_whole_again(harm, tmp_path):
    path = tmp_path / "run" / "progress.csv"
    path.parent.mkdir()
    table = ProgressTable(path, [])
    for value in (1, 2):
        table.write({"a": value, "b": value}, {"a": (), "b": ()})
    if harm == "removed":
        path.unlink()
    elif harm == "emptied":
        path.write_text("")
    elif harm == "truncated":
        path.write_bytes(path.read_bytes()[:-4])
    elif harm == "appended to":
        path.write_bytes(path.read_bytes() + b"1\0")
    else:
        path.parent.rename(tmp_path / "elsewhere")
    table.write({"a": 3}, {"a": ()})
    table.write({"a": 4}, {"a": ()})
    assert [row["a"] for row in read_rows(path)] == ["1", "2", "3", "4"]
    assert [row["b"] for row in read_rows(path)] == ["1", "2", "", ""]


HEADER = f"{FRAMES},{SECONDS},x\r\n".encode()
ROWS = [f"{frames},{frames / 10},0.5\r\n".encode() for frames in (10, 20, 30)]


@pytest.mark.parametrize(
    ("content", "frames"),
    [
        (HEADER + b"".join(ROWS), [10, 20, 30]),
        (HEADER + ROWS[0] + b"20,\0\0,0.5\r\n" + ROWS[2], [10, 30]),
        (HEADER + ROWS[0] + b"20,\xff\xfe,0.5\r\n" + ROWS[2], [10, 30]),
        (HEADER + ROWS[0] + bytes(40), [10]),
        (HEADER + ROWS[0] + ROWS[1][:-6], [10]),
        (HEADER + ROWS[0] + ROWS[1].strip() + ROWS[2], [10]),
        (HEADER + ROWS[0] + b"twenty,2,0.5\r\n" + b"30,3,a half\r\n", [10]),
        (HEADER + ROWS[0] + b'20,"2\r\n' + ROWS[2], [10, 30]),
        (HEADER + ROWS[0] + b"20.5,2,0.5\r\n" + b"-20,2,0.5\r\n" + b"\r\n" + ROWS[2], [10, 30]),
        (b"".join(ROWS), []),
        (b"\0" * 100, []),
        (b"\xff" + HEADER + b"".join(ROWS), []),
        (b"a,b\r\n1,2\r\n", []),
        (b"", []),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_rows_that_can_be_read_are_recovered_and_others_kept_aside(content, frames, tmp_path):
    path = tmp_path / "progress.csv"
    path.write_bytes(content)
    rows, aside = recover_rows(path)
    assert [int(row[FRAMES]) for row in rows] == frames
    is_whole = content in (b"", HEADER + b"".join(ROWS))
    assert (aside is None) == is_whole
    if aside is not None:
        assert aside.read_bytes() == content and aside.parent == tmp_path
        path.write_bytes(b"\0")
        assert recover_rows(path)[1].read_bytes() == b"\0" and aside.read_bytes() == content


def test_a_missing_table_has_no_rows(tmp_path):
    assert recover_rows(tmp_path / "progress.csv") == ([], None)


def test_events_are_in_order_though_the_clock_was_set_back_between_sessions(tmp_path, monkeypatch):
    class Clock:
        """In the place of the module, for the names of the files."""

        now = 2_000_000_000.0

        @classmethod
        def time(cls):
            return cls.now

    monkeypatch.setattr(event_file_writer, "time", Clock)
    monkeypatch.setattr(log, "time", Clock)
    sessions = ((0, 3, 0), (2, 4, 0.5), (3, 6, -3600), (5, 7, -7200), (6, 8, 1))
    for first, last, passed in sessions:
        Clock.now += passed
        monkeypatch.setattr(Clock, "sleep", lambda _: setattr(Clock, "now", Clock.now + 0.5), raising=False)
        events = Events(tmp_path, first)
        for step in range(first + 1, last + 1):
            events.write({"x": float(first)}, {"x": ()}, step)
        events.close()
    found = EventAccumulator(str(tmp_path), purge_orphaned_data=True).Reload().Scalars("x")
    expected = [(1, 0.0), (2, 0.0), (3, 2.0), (4, 3.0), (5, 3.0), (6, 5.0), (7, 6.0), (8, 6.0)]
    assert [(event.step, event.value) for event in found] == expected
    assert len(list(tmp_path.iterdir())) == len(sessions)


def test_files_of_other_names_beside_the_events_are_left_alone(tmp_path):
    for name in ("events.out.tfevents.", "events.out.tfevents.soon.host.1", "notes.txt"):
        (tmp_path / name).write_text("mine")
    events = Events(tmp_path, 0)
    events.write({"x": 1.0}, {"x": ()}, 1)
    events.close()
    assert (tmp_path / "events.out.tfevents.soon.host.1").read_text() == "mine"
