"""Run the Python examples of pages, as a reader would who goes through them from the top.

    python docs/run_examples.py README.md docs/*.md

All blocks of a page that are marked ``python`` share their names. What they print is shown only
where one fails. Tutorials are not run here: the build executes them.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
import tempfile
import time
import traceback
import warnings
from contextlib import chdir, redirect_stdout
from pathlib import Path

_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def run(path: Path) -> int:
    """Run the blocks of a page; returns how many there are."""
    text = path.read_text()
    names: dict[str, object] = {"__name__": "__main__"}
    blocks = list(_BLOCK.finditer(text))
    for block in blocks:
        # Line feeds in front, so that a traceback tells the line of the page.
        above = "\n" * text.count("\n", 0, block.start(1))
        exec(compile(above + block[1], str(path), "exec"), names)
    return len(blocks)


def main() -> int:
    """Run all pages, each in an empty folder."""
    parser = argparse.ArgumentParser(description="Run the Python examples of pages.")
    parser.add_argument("pages", type=Path, nargs="+")
    failed = 0
    for page in parser.parse_args().pages:
        path, printed, began = page.resolve(), io.StringIO(), time.perf_counter()
        with tempfile.TemporaryDirectory() as folder, chdir(folder), redirect_stdout(printed):
            try:
                number = run(path)
            except Exception:
                failed += 1
                print(printed.getvalue(), traceback.format_exc(), sep="\n", file=sys.stderr)
                continue
        if number:
            print(f"{page}: {number} examples, {time.perf_counter() - began:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    warnings.simplefilter("error", UserWarning)
    sys.exit(main())
