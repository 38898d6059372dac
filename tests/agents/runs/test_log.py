"""Files of the log that grow over sessions."""

import csv

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer
from tensorboard.summary.writer.event_file_writer import AtomicCounter

from agents.runs.log import Events, ProgressTable, read_rows


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
