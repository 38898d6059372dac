"""Losses as functions of tensors: no modules, no configuration, per-element results plus their diagnostics."""
