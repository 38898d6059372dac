"""The Ray cluster that the workers run on: one that is there, or one started on this machine."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import math
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import ray

from agents.engines.faults import NoCluster
from agents.engines.ray.environment import variables
from agents.engines.ray.last_words import LastWords
from agents.engines.ray.settings import RaySettings
from agents.process.interrupts import SIGNALS
from agents.process.provenance import available_cores

# Seconds for an address to answer.
_PATIENCE = 10.0

logger = logging.getLogger(__name__)


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
        NoCluster: There is no cluster at the address, or none can be started here.
    """

    def __init__(self, settings: RaySettings) -> None:
        self._ours = not ray.is_initialized()
        if self._ours:
            _check_answer(settings.address)
            with _signal_handlers_kept(), variables(settings):
                _connect(settings.address)
            _tell_of_open_ports(settings)
        self.node = ray.get_runtime_context().get_node_id()
        self._settings = settings
        self._last_words = LastWords(_servers()) if self._ours and settings.address is None else None

    @property
    def is_one_node(self) -> bool:
        """Whether no worker can come to run on another node than this one."""
        return self._settings.address is None and sum(node["Alive"] for node in ray.nodes()) == 1

    def worker_options(self) -> dict[str, Any]:
        """Return the options of every worker for Ray."""
        settings = self._settings
        workers = settings.num_actors + settings.num_distillers
        share = min(1.0, ray.cluster_resources().get("CPU", 0.0) / workers)
        cpus = settings.worker_cpus if settings.worker_cpus is not None else math.floor(1e4 * share) / 1e4
        return {"num_cpus": cpus, "max_restarts": 0, "scheduling_strategy": "SPREAD"}

    def leave(self) -> None:
        """Disconnect, and end the cluster if it was started here."""
        if self._last_words is not None:
            self._last_words.withdraw()
        if self._ours:
            ray.shutdown()


def _servers() -> dict[str, int]:
    """Numbers of the processes of a cluster that was started here, which Ray does not tell but to itself."""
    node = getattr(ray._private.worker, "_global_node", None)
    known = {} if node is None else node.all_processes
    return {name: each[0].process.pid for name, each in known.items() if name in ("raylet", "gcs_server")}


def _check_answer(address: str | None) -> None:
    """Check that something answers at an address: Ray itself would try for minutes."""
    host, _, port = (address or "").rpartition(":")
    if not host:
        return
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
    except OSError as problem:
        raise NoCluster(f"no Ray cluster answers at {address}: {problem}") from problem


def _tell_of_open_ports(settings: RaySettings) -> None:
    """Warn if a cluster that was started here listens on all interfaces after all."""
    address = ray.util.get_node_ip_address()
    if settings.address is None and not ipaddress.ip_address(address).is_loopback:
        logger.warning(
            "Ray was imported before its engine was asked for, so its servers can be reached at %s", address
        )


def _connect(address: str | None) -> None:
    try:
        ray.init(**_arguments(address), log_to_driver=False, logging_level=logging.ERROR)
    except Exception as problem:  # whatever hinders Ray
        ray.shutdown()
        if address is None:
            told = f"Ray could not start: {problem}{_advice(problem)}"
        elif isinstance(problem, ConnectionError):
            told = (
                f"no Ray cluster was found at {address!r}: start one by `ray start --head`, or give host:port"
            )
        else:
            told = f"the Ray cluster at {address!r} could not be joined: {problem}"
        raise NoCluster(told) from problem


def _advice(problem: Exception) -> str:
    """What to do about a problem with files."""
    if not isinstance(problem, OSError):
        return ""
    return "; its files lie below RAY_TMPDIR, or /tmp, which must have a short path that can be written to"


def _arguments(address: str | None) -> dict[str, Any]:
    if address is not None:
        return {"address": address}
    return {"address": "local", "num_cpus": available_cores(), "include_dashboard": False}


@contextlib.contextmanager
def _signal_handlers_kept() -> Iterator[None]:
    """Keep what this program does on signals: Ray would end it on the spot.

    Where it does nothing of its own, Ray's way, which ends the cluster too, is the better one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            if callable(handler):
                signal.signal(number, handler)
