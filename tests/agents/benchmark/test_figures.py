"""Figures and tables of a benchmark, from its raw data alone."""

import shutil

from PIL import Image

from agents.benchmark import __main__ as program


def test_figures_and_tables_come_again_bit_for_bit_from_raw_data_alone(raw, folder, tmp_path):
    shutil.rmtree(folder)
    times = []
    for _ in range(2):
        assert program.main(["figures", str(raw), "--images", str(tmp_path / "images")]) == 0
        files = [*sorted((tmp_path / "images").iterdir()), raw / "README.md"]
        times.append({file.name: file.read_bytes() for file in files})
    first, second = times
    assert first == second and len(first) == 5
    for file in (tmp_path / "images").iterdir():
        assert f"](../images/{file.name})" in first["README.md"].decode()
        with Image.open(file) as picture:
            assert picture.width > 1000 and len(picture.getcolors()) > 20 and file.stat().st_size < 150_000


def test_an_agent_that_took_no_part_is_refused(raw, tmp_path, capsys):
    assert program.main(["figures", str(raw), "--images", str(tmp_path / "images"), "--agent", "vmpo"]) == 2
    assert "no agent 'vmpo', did you mean 'vmpo-lstm'? (there are 'ald', " in capsys.readouterr().err
    assert not (tmp_path / "images").exists()
