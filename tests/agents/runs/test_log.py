"""Files of the log that grow over sessions."""

import csv

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer
from tensorboard.summary.writer.event_file_writer import AtomicCounter

from agents.runs import log
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
