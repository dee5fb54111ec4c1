"""The file in which a benchmark keeps its measurements, so that it goes on where it was stopped."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

Row = dict[str, Any]


def kept(path: Path | None) -> list[Row]:
    """The measurements of a file that may not be there yet."""
    if path is None or not path.exists():
        return []
    try:
        rows: list[Row] = json.loads(path.read_text())
    except ValueError as error:
        raise SystemExit(f"{path} holds no measurements ({error}); move it away") from None
    return rows


def keep(rows: list[Row], path: Path) -> None:
    """Write the measurements, whole or not at all."""
    from lret_dist.files.atomic_file import write_text

    write_text(path, json.dumps(rows, indent=1) + "\n")
