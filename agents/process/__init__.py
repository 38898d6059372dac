"""This process: threads, signals, exit status, interpreter, optional libraries, machine."""
