"""Packages that come with an extra, and what is said where one is missing."""


def not_installed(purpose: str, package: str, extra: str) -> str:
    """Return the sentence that names what is missing and how to get it.

    Args:
        purpose: What needs it, as a sentence begins: "a GIF".
        package: What is missing.
        extra: The extra of this distribution that brings it.
    """
    return f'{purpose} needs {package}, which is not installed; run `pip install "memory-envs[{extra}]"`'
