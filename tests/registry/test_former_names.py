"""Modules are found under the names they had before."""

import importlib

import pytest

from memory_envs.registry.former_names import FORMER_NAMES


@pytest.mark.parametrize("former", FORMER_NAMES)
def test_a_module_is_found_under_its_former_name(former):
    with pytest.warns(DeprecationWarning, match=FORMER_NAMES[former]):
        module = importlib.import_module(former)
    assert module is importlib.import_module(FORMER_NAMES[former])
    assert module.__spec__.name == FORMER_NAMES[former]
