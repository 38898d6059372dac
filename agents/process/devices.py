"""Devices that programs are told to compute on."""

from __future__ import annotations

import re

import torch


def checked_device(name: str) -> str:
    """Return the name of a device, if it is one that networks can be put on here.

    Stable-Baselines3 takes the CPU where there is no GPU; a program that was told otherwise must not.

    Raises:
        ValueError: There is none of this name on this machine, or the agents do not run on its kind.
    """
    if name in ("auto", "cpu"):
        return name
    choices = "device must be auto, cpu, cuda or cuda:N"
    if re.fullmatch(r"cuda(:\d+)?", name) is None:
        raise ValueError(f"{choices}, got {name!r}")
    if not torch.cuda.is_available():
        raise ValueError(f"{choices}, and torch finds no GPU here, got {name!r}")
    number = torch.cuda.device_count()
    if ":" in name and int(name.partition(":")[2]) >= number:
        raise ValueError(f"{choices}, here from cuda:0 to cuda:{number - 1}, got {name!r}")
    return name
