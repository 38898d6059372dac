"""Whatever a file holds, reading it gives a value or the error that is documented, and nothing else."""

from __future__ import annotations

import contextlib
import shutil
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
from stable_baselines3.common.callbacks import BaseCallback

from agents import pretrained
from agents.baselines import RecurrentPPOAgent
from agents.export.onnx_actor import OnnxActor
from agents.export.onnx_file import CHECKSUM_KEY
from agents.learning.finite import LossNotFinite
from agents.mimic import Mimic
from agents.pretrained.store import SHIPPED
from agents.results.acting import read_acting
from agents.results.records import read_records, write_records
from agents.results.runs import Run, find_runs, grouped
from agents.results.settings import sessions_table, settings_table
from agents.results.tables import finals_table, milestones_table
from agents.runs.directory import RunDirectory
from agents.runs.log import column, read_rows
from agents.runs.options import Options
from agents.runs.snapshots import restore_snapshot, save_snapshot
from agents.runs.trained import load_model, load_trained
from agents.sb3 import checkpoint
from agents.sb3.checkpoint import CheckpointError
from agents.scaling.costs import Costs
from memory_envs.certificate import shipped
from memory_envs.replay import Replay, ReplayError, ReplayMismatch
from tests.agents.sb3.test_fitting import ON_POLICY
from tests.support import ROOT
from tests.support.mutations import changed_bytes, changed_cells, changed_json, changed_tree
from tests.support.small_benchmark import write_benchmark
from tests.support.tiny import maze_lanes, maze_model
from tests.support.trees import EVERYTHING

pytestmark = pytest.mark.usefixtures("one_thread")

SAVED = ROOT / "tests/support/saved"
CASES, MANY_CASES = 30, 800  # of each kind: 10,000 in all

Change = Callable[[bytes, Random], bytes]


class Kind(NamedTuple):
    """A kind of file.

    Attributes:
        make: Writes a sound one into a folder, with what belongs to it, and returns it.
        use: Reads it and all that it says.
        documented: Errors that this may end with.
        change: Makes another content of the same form; bytes are changed for every kind.
    """

    make: Callable[[Path], Path]
    use: Callable[[Path], Any]
    documented: tuple[type[Exception], ...]
    change: Change


def of_json(content: bytes, random: Random) -> bytes:
    return changed_json(content.decode(), random).encode()


def of_cells(content: bytes, random: Random) -> bytes:
    return changed_cells(content.decode(), random).encode("utf-8", "surrogatepass")


def of_tree(content: bytes, random: Random) -> bytes:
    """Of what a model's file says, or of how it says it."""
    path = _scratch(content)
    if random.random() < 0.7:
        with contextlib.suppress(TypeError, ValueError):  # what cannot be stored
            checkpoint.save(path, changed_tree(checkpoint.load(path), random))
            return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if random.random() < 0.7:
        members["tree.json"] = of_json(members["tree.json"], random)
    else:
        members["tensors.safetensors"] = _other_header(members["tensors.safetensors"], random)
    with zipfile.ZipFile(path, "w") as archive:
        for name, each in members.items():
            archive.writestr(name, each)
    return path.read_bytes()


def of_graph(content: bytes, random: Random) -> bytes:
    """Of an exported actor, without its checksum."""
    model = onnx.load_from_string(content)
    for entry in list(model.metadata_props):
        if entry.key == CHECKSUM_KEY:
            model.metadata_props.remove(entry)
        elif random.random() < 0.5:
            entry.value = changed_json(entry.value, random).encode("utf-8", "replace").decode()
    way, graph = random.randrange(5), model.graph
    if way == 0:
        weight = random.choice([each for each in graph.initializer if each.raw_data])
        weight.raw_data = changed_bytes(weight.raw_data, random)
    elif way == 1:
        each = random.choice([*graph.input, *graph.output])
        each.type.tensor_type.elem_type = random.randrange(1, 20)
    elif way == 2:
        each = random.choice([*graph.input, *graph.output])
        dims = each.type.tensor_type.shape.dim
        if dims:
            random.choice(dims).dim_value = random.choice((0, 1, 2, 7, 10**6, 2**40, -1))
    elif way == 3:
        part = random.choice((graph.node, graph.input, graph.output, graph.initializer))
        del part[random.randrange(len(part))]
    return bytes(model.SerializeToString())


def _other_header(content: bytes, random: Random) -> bytes:
    length = int.from_bytes(content[:8], "little")
    header = changed_json(content[8 : 8 + length].decode(), random).encode()
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def _scratch(content: bytes) -> Path:
    path = _SCRATCH[0] / "changing.zip"
    path.write_bytes(content)
    return path


_SCRATCH: list[Path] = []


def copied(*names: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        return Path(shutil.copy(SAVED.joinpath(*names), folder))

    return make


def make_card(folder: Path) -> Path:
    for suffix in (".json", ".safetensors"):
        (folder / "imaze").mkdir(exist_ok=True)
        shutil.copy((SHIPPED / "imaze/ald").with_suffix(suffix), folder / "imaze")
    return folder / "imaze/ald.json"


def use_card(path: Path) -> None:
    folder = path.parents[1]
    card = pretrained.read_card("imaze/ald", folder)
    card.summary()
    actor = pretrained.load("imaze/ald", folder=folder)
    actor.predict(actor.observation_space.sample())


def make_run(folder: Path) -> Path:
    run = folder / "run"
    shutil.copytree(SAVED / "ald", run)
    shutil.copy(next((run / "checkpoints").iterdir()), run / "model.zip")
    (run / "evaluation.json").write_text(
        (write_benchmark(folder / "other") / "imaze-ald-s0/evaluation.json").read_text()
    )
    return run / "config.json"


def make_part(name: str) -> Callable[[Path], Path]:
    return lambda folder: make_run(folder).with_name(name)


def use_run(path: Path) -> None:
    """As the report does, and as the programs that load its model do."""
    run = Run.read(path.parent)
    tables(run)
    Options.from_dict(run.directory.read_config())
    load_trained(path.parent)


def tables(*runs: Run) -> None:
    groups = grouped(runs)
    settings_table(groups), sessions_table(groups), finals_table(groups), milestones_table(groups, [], "wall")
    for run in runs:
        str((run.seed, run.env_id, run.env_kwargs, run.group))


def make_records(folder: Path) -> Path:
    write_records(find_runs(write_benchmark(folder / "runs"))[:2], folder / "raw")
    return folder / "raw/runs.json"


def make_model(build: Callable[[], Any]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        build().learn(48).save(folder / "lone.zip")
        return folder / "lone.zip"

    return make


def recurrent_ppo() -> Any:
    return RecurrentPPOAgent("MlpLstmPolicy", maze_lanes(), lstm_hidden_size=8, **ON_POLICY)


def mimic() -> Any:
    return Mimic(
        "LstmPolicy", maze_lanes(), unroll_length=6, actor_hidden_size=8, distillation_steps=2, device="cpu"
    )


class Enough(BaseCallback):
    """Ends the training of a file that asks for a billion steps in an unroll."""

    def _on_step(self) -> bool:
        return self.n_calls < 12


def use_model(path: Path, force_reset: bool = False) -> None:
    model = load_model(path)
    model.predict(model.observation_space.sample())
    lanes = maze_lanes()
    resumed = type(model).load(path, lanes, device="cpu", force_reset=force_reset)
    resumed.learn(24, Enough(), reset_num_timesteps=False)


def make_snapshot(folder: Path) -> Path:
    model = maze_model()
    model.save(folder / "model.zip")
    return save_snapshot(RunDirectory(folder), model)


def use_snapshot(path: Path) -> None:
    model = load_model(path.parents[1] / "model.zip")
    restore_snapshot(model, path)
    model.predict(model.observation_space.sample())


def make_tree(folder: Path) -> Path:
    checkpoint.save(folder / "tree.zip", EVERYTHING | {"more": np.arange(5)})
    return folder / "tree.zip"


def use_rows(path: Path) -> None:
    rows = read_rows(path)
    for name in rows[0] if rows else ():
        column(rows, name)
    tables(Run.read(path.parent))


def make_costs(folder: Path) -> Path:
    from tests.agents.scaling.test_costs import make_costs as costs

    costs().write(folder / "costs.json")
    return folder / "costs.json"


def use_actor(path: Path) -> None:
    actor = OnnxActor(path)
    actor.predict(np.zeros((3, *actor._inputs["observation"].axes[1:]), actor._inputs["observation"].dtype))
    assert actor.observation_space is not None and actor.action_space is not None


def use_certificate(path: Path) -> None:
    for each in shipped.load(path.read_bytes().decode()).values():
        str(each), each.to_json(), each.verdict


def make_certificates(folder: Path) -> Path:
    path = folder / "certificates.json"
    shipped.save([shipped.reference("MemoryEnvs/IMaze-v0")], path)
    return path


def make_acting(folder: Path) -> Path:
    (folder / "acting.csv").write_text("experiment,batch,microseconds,ratio\na,1,2.5,1.0\nb,64,3.5,2.0\n")
    return folder / "acting.csv"


KINDS = {
    "replay": Kind(
        copied("ald", "replay.json"),
        lambda path: list(Replay.load(path).to_ansi()),
        (ReplayError, ReplayMismatch),
        of_json,
    ),
    "configuration": Kind(make_run, use_run, (ValueError,), of_json),
    "evaluation": Kind(make_part("evaluation.json"), use_run, (ValueError,), of_json),
    "log": Kind(make_part("progress.csv"), use_rows, (ValueError,), of_cells),
    "records": Kind(
        make_records,
        lambda path: tables(*read_records(path.parent)),
        (ValueError, FileNotFoundError),
        of_json,
    ),
    "card": Kind(make_card, use_card, (CheckpointError,), of_json),
    "certificate": Kind(make_certificates, use_certificate, (ValueError,), of_json),
    "actor": Kind(copied("actor.onnx"), use_actor, (ValueError,), of_graph),
    "model": Kind(make_model(maze_model), use_model, (ValueError, LossNotFinite), of_tree),
    "model of recurrent-ppo": Kind(
        make_model(recurrent_ppo), use_model, (ValueError, LossNotFinite), of_tree
    ),
    "model of mimic": Kind(
        make_model(mimic),
        lambda path: use_model(path, force_reset=True),  # it has no episodes to go on with
        (ValueError, FileNotFoundError, LossNotFinite),
        of_tree,
    ),
    "snapshot": Kind(make_snapshot, use_snapshot, (CheckpointError,), _other_header),
    "tree": Kind(make_tree, checkpoint.load, (CheckpointError,), of_tree),
    "costs": Kind(make_costs, Costs.read, (ValueError,), of_json),
    "acting": Kind(make_acting, lambda path: read_acting(path.parent), (ValueError,), of_cells),
}


def run_cases(name: str, folder: Path, seeds: range) -> None:
    kind = KINDS[name]
    path = kind.make(folder)
    sound = path.read_bytes()
    kind.use(path)
    failures, refused = [], 0
    for seed in seeds:
        random = Random(f"{name} {seed}")
        path.write_bytes((kind.change if random.random() < 0.7 else changed_bytes)(sound, random))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                kind.use(path)
        except kind.documented:
            refused += 1
        except Exception as undocumented:
            failures.append(f"seed {seed}: {type(undocumented).__name__}: {undocumented!s:.300}")
    assert not failures, f"{len(failures)} of {len(seeds)}:\n" + "\n".join(failures)
    assert refused >= len(seeds) // 5


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    _SCRATCH[:] = [tmp_path]
    return tmp_path


@pytest.mark.parametrize("name", KINDS)
def test_a_changed_file_is_read_or_refused_in_words(name: str, folder: Path) -> None:
    run_cases(name, folder, range(CASES))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", KINDS)
def test_many_changed_files_are_read_or_refused_in_words(name: str, folder: Path) -> None:
    run_cases(name, folder, range(CASES, MANY_CASES))
