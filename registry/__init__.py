"""What exists: tables of environments, agents and experiments that name things and import none of them.

Its name is `memory_envs.registry`, so that a user's own registry.py does not stand in its way. The folder is
at the top of the repository, and memory_envs/registry leads to it.
"""

import importlib
import sys
import warnings

if __name__ == "registry":  # the name it had before, under which a checkout has it on its path
    warnings.warn("registry is now memory_envs.registry", DeprecationWarning, stacklevel=2)
    sys.modules[__name__] = importlib.import_module("memory_envs.registry")
