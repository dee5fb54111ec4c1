"""Links of pages that stand outside of docs/ lead to the site's pages, or to files to download.

README, ARCHITECTURE, CONTRIBUTING, CHANGELOG and slurm/README.md are read on their own and as
pages of the site. Their links are written for the first; here they are turned into the second.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
#: The page of each file, relative to docs/.
PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "slurm/README.md": "slurm.md",
    "examples/README.md": "examples.md",
}
_LINK = re.compile(r"(?<!!)(\[[^\]]*\])\(([^)#:\s]+)(#[^)\s]*)?\)")


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls this."""
    app.connect("include-read", _on_include)
    return {"parallel_read_safe": True}


def _on_include(_: Sphinx, included: Path, __: str, text: list[str]) -> None:
    folder = (ROOT / "docs" / included).resolve().parent

    def replaced(match: re.Match[str]) -> str:
        words, target, anchor = match[1], match[2], match[3] or ""
        inside = Path(os.path.normpath(folder / target)).relative_to(ROOT).as_posix()
        if inside in PAGES:
            return f"{words}({PAGES[inside]}{anchor})"
        if inside.startswith("docs/") and inside.endswith(".md"):
            return f"{words}({inside.removeprefix('docs/')}{anchor})"
        if (ROOT / inside).is_file():
            path = os.path.relpath(ROOT / inside, ROOT / "docs")
            return f"{{download}}`{words[1:-1].strip('`')} <{path}>`"
        return words[1:-1]

    text[0] = _LINK.sub(replaced, text[0])
