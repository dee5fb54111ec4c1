"""The check of the documentation site finds what is wrong with a page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GOOD = '<h1 id="top">Page</h1><a href="other.html#there">other</a> <a href="https://x.org/y">x</a>'


def check(site: Path, page: str) -> tuple[int, str]:
    """Check a site of two pages, without a browser."""
    site.joinpath("page.html").write_text(page)
    site.joinpath("other.html").write_text('<p id="there"><a href="page.html">back</a>')
    run = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "check_site.py"), str(site)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": ""},
    )
    return run.returncode, run.stdout


def test_a_good_site_passes(tmp_path: Path) -> None:
    code, said = check(tmp_path, GOOD)
    assert code == 0, said
    assert "widths are not checked" in said


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('<a href="nowhere.html">', "'nowhere.html' leads to no file"),
        ('<img src="nowhere.png">', "'nowhere.png' leads to no file"),
        ('<a href="other.html#here">', "'other.html#here' has an anchor that is not there"),
        ('<a href="../up.html">', "'../up.html' leads out of the site"),
        ('<a href="https:///y">', "'https:///y' has no host"),
        ('<p id="top">', "two elements are called 'top'"),
    ],
)
def test_what_is_wrong_is_found(wrong: str, said: str, tmp_path: Path) -> None:
    code, output = check(tmp_path, GOOD + wrong)
    assert code == 1
    assert f"page.html: {said}" in output
