"""Modules under the names they had before: programs written for those keep working."""

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType

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
}


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        present = FORMER_NAMES.get(fullname)
        return ModuleSpec(fullname, _Loader(present)) if present else None


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
        sys.meta_path.append(_Finder())
