"""The Ray cluster that the workers run on: one that is there, or one started on this machine."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

from agents.engines.ray.settings import RaySettings
from agents.interrupts import SIGNALS
from agents.provenance import available_cores

# What Ray reads when it is imported or started. The third, made for other systems, is its one way to make
# servers listen on the loopback interface alone.
_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
_LOOPBACK_ONLY = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}


class Cluster:
    """A connection to Ray.

    A cluster that this process is connected to already is used and left as it is. Otherwise `address` is
    connected to, or a cluster of this machine's cores is started, without dashboard and usage statistics,
    which only this machine can reach; `leave` disconnects from the one and ends the other.

    Args:
        settings: Where, and how many workers it will carry.

    Attributes:
        node: Ray's id of the node that this process runs on.

    Raises:
        ConnectionError: There is no cluster at the address.
    """

    def __init__(self, settings: RaySettings) -> None:
        local = settings.address is None
        os.environ.update(_ENVIRONMENT)
        with _signal_handlers_kept(), _environment(_LOOPBACK_ONLY if local else {}):
            import ray

            self._ours = not ray.is_initialized()
            if self._ours:
                ray.init(**_arguments(settings.address), log_to_driver=False, logging_level=logging.ERROR)
        self.node = ray.get_runtime_context().get_node_id()
        self._settings = settings

    @property
    def is_one_node(self) -> bool:
        """Whether no worker can come to run on another node than this one."""
        import ray

        return self._settings.address is None and sum(node["Alive"] for node in ray.nodes()) == 1

    def worker_options(self) -> dict[str, Any]:
        """Return what Ray is to be told of every worker."""
        import ray

        settings = self._settings
        workers = settings.num_actors + settings.num_distillers
        share = min(1.0, ray.cluster_resources().get("CPU", 0.0) / workers)
        cpus = settings.worker_cpus if settings.worker_cpus is not None else math.floor(1e4 * share) / 1e4
        return {"num_cpus": cpus, "max_restarts": 0, "scheduling_strategy": "SPREAD"}

    def leave(self) -> None:
        """Disconnect, and end the cluster if it was started here."""
        import ray

        if self._ours:
            ray.shutdown()


def _arguments(address: str | None) -> dict[str, Any]:
    if address is not None:
        return {"address": address}
    return {"address": "local", "num_cpus": available_cores(), "include_dashboard": False}


@contextlib.contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    """Set variables of the environment for the length of a block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _signal_handlers_kept() -> Iterator[None]:
    """Keep what this program does on signals: Ray would end it on the spot.

    Where it does nothing of its own, Ray's way, which ends the cluster too, is the better one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        if callable(handler):
            signal.signal(number, handler)
