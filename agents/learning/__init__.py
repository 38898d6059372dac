"""The method in plain torch: what acts, what learns, what teaches, and what flows between them."""
