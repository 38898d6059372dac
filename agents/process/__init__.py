"""This process: its threads, its signals, its exit status, and what it runs on."""
