"""``lret run --plot``: a picture of the rank over the circuit."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from command_line import RATES, lret, refused


def test_a_picture_goes_beside_the_result(tmp_path: Path, ghz_file: Path) -> None:
    picture = tmp_path / "rank.png"
    result = lret("run", ghz_file, "--noise", RATES, "--seed", 1, "--plot", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    document = json.loads(result.stdout)
    assert document["metadata"]["rank_history"]
    plain = json.loads(lret("run", ghz_file, "--noise", RATES, "--seed", 1).stdout)
    assert plain["counts"] == document["counts"]
    assert "rank_history" not in plain["metadata"]


def test_a_picture_without_matplotlib(
    tmp_path: Path, ghz_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    said = refused("run", ghz_file, "--plot", tmp_path / "rank.png")
    assert 'install it with: pip install "lret-dist[visualization]"' in said
    assert not (tmp_path / "rank.png").exists()
