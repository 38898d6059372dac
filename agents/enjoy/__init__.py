"""Watch and evaluate a trained actor."""
