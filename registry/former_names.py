"""Modules under the names they had before: programs written for those keep working."""

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import CodeType, ModuleType

_PACKAGE, _FORMER_PACKAGE = "memory_envs.registry", "registry"

FORMER_NAMES = {
    "agents.ald.train": "agents.train",
    "agents.baselines.train": "agents.train",
    "agents.baselines.training_speed": "agents.baselines.recurrent_ppo.training_speed",
    "agents.make_env": "agents.vec_env.make",
    "agents.onnx_actor": "agents.export.onnx_actor",
    "agents.remote_lanes": "agents.vec_env.remote",
    "agents.trained": "agents.runs.trained",
    "memory_envs.certificate.improve": "agents.baselines.reactive",
    "memory_envs.env": "memory_envs.stepping.env",
    "memory_envs.scene": "memory_envs.rendering.scene",
    "memory_envs.vector": "memory_envs.stepping.vector",
    "memory_envs.video": "memory_envs.rendering.video",
    _FORMER_PACKAGE: _PACKAGE,  # unless there is another of that name, which is a user's own
}


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        present = FORMER_NAMES.get(fullname)
        return ModuleSpec(fullname, _Loader(present)) if present else None


class _RegistryFinder(MetaPathFinder):
    """Answers `registry.presets` and the like, where `registry` is this one, before they are loaded twice."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        if package != _FORMER_PACKAGE or sys.modules.get(package) is not sys.modules.get(_PACKAGE):
            return None
        return ModuleSpec(fullname, _Loader(f"{_PACKAGE}.{name}")) if name else None


class _AgentsFinder(MetaPathFinder):
    """Says why a module of the agents is not there: another package of their name is."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.startswith("agents.") and path and own_agents() not in map(Path, path):
            if PathFinder.find_spec(fullname, path) is None:
                check_agents(fullname)
        return None


class _Loader(InspectLoader):
    """Answers an import of the former name with the module itself, not with a copy."""

    def __init__(self, present: str) -> None:
        self.present = present

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        warnings.warn(f"{spec.name} is now {self.present}", DeprecationWarning, stacklevel=2)
        module = importlib.import_module(self.present)
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # which the import has replaced

    def get_code(self, fullname: str) -> CodeType | None:
        """For `python -m` of the former name."""
        spec = importlib.util.find_spec(self.present)
        assert spec is not None and isinstance(spec.loader, InspectLoader)
        return spec.loader.get_code(self.present)

    def get_source(self, fullname: str) -> str | None:
        spec = importlib.util.find_spec(self.present)
        assert spec is not None and isinstance(spec.loader, InspectLoader)
        return spec.loader.get_source(self.present)


def answer_former_names() -> None:
    """Make imports of former names work; calling it again is harmless."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path[:0] = [_RegistryFinder(), _AgentsFinder()]
        sys.meta_path.append(_Finder())


def check_agents(wanted: str = "agents") -> None:
    """Find out whether `agents` is the package that belongs to `memory_envs`.

    Args:
        wanted: What is to be imported, for the error.

    Raises:
        ModuleNotFoundError: It is another module, which comes first on the path; names both.
    """
    spec = importlib.util.find_spec("agents")
    found = Path(spec.origin or next(iter(spec.submodule_search_locations or ()), "")) if spec else None
    own = own_agents() / "__init__.py"
    if found is not None and own.is_file() and not own.samefile(found):
        raise ModuleNotFoundError(
            f"{wanted} is hidden: `agents` is {found}, which Python finds before that of memory-envs, "
            f"{own.parent}; give the other one another name, or run a program by `memory-envs`",
            name=wanted,
        )


def own_agents() -> Path:
    """Return the folder of the agents that belong to `memory_envs`, which may have been left out."""
    suite = sys.modules["memory_envs"].__file__
    assert suite is not None
    return Path(suite).parents[1] / "agents"
