"""What Ray is told by the environment of its processes, when it is imported and when it is started."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from agents.engines.ray.settings import RaySettings

# No statistics of use; processors other than the CPU stay visible, and Ray need not say that they do.
_ALWAYS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
# The first, made for other systems, is Ray's one way to make its servers listen on the loopback interface
# alone. The second lets workers run beside other programs: Ray gives them a niceness of 15, so that on a busy
# machine they would hardly run at all, and the learner would wait for them.
_LOCAL = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_worker_niceness": "0"}


@contextlib.contextmanager
def variables(settings: RaySettings) -> Iterator[None]:
    """Set the variables for the length of a block."""
    wanted = _ALWAYS | (_LOCAL if settings.address is None else {})
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
