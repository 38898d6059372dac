"""Losses as functions of tensors: no modules, no configuration, a result per element, and diagnostics."""
