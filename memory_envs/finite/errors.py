"""What is raised where a task is no finite one, or one too large."""


class NotFinite(ValueError):
    """Something that was given as a finite environment breaks the protocol, or cannot be seen as one."""


class TooLarge(ValueError):
    """There are more states, beliefs or outcomes than the limit allows."""
