"""Serves reports of `docs/results` where they lie: at the address results/NAME/report.html of the site."""

import shutil
from pathlib import Path
from typing import Any

REPORTS = "results/*/report.html"


def copy_reports(source: Path, site: Path) -> list[Path]:
    """Copy the reports below `source`, the folder of the documentation, and return where they are."""
    copies = []
    for report in sorted(source.glob(REPORTS)):
        copy = site / report.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copies.append(Path(shutil.copyfile(report, copy)))
    return copies


def setup(app: Any) -> dict[str, bool]:
    """Register with Sphinx."""

    def on_end(app: Any, problem: Exception | None) -> None:
        if problem is None and app.builder.format == "html":
            copy_reports(Path(app.srcdir), Path(app.outdir))

    app.connect("build-finished", on_end)
    return {"parallel_read_safe": True}
