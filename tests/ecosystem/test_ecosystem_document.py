"""The snippets of docs/ecosystem.md run, and find what they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

DOCUMENT = Path(__file__).parents[2] / "docs" / "ecosystem.md"

pytestmark = pytest.mark.filterwarnings(
    "ignore:The SamplerV2 class is deprecated:DeprecationWarning",
    "ignore:Since backends now support:DeprecationWarning",
)


def check_algorithms(names: dict[str, Any]) -> None:
    assert names["energy"] == pytest.approx(-0.99 * np.hypot(1, 0.5), abs=1e-3)


def check_experiments(names: dict[str, Any]) -> None:
    assert names["found"].nominal_value == pytest.approx(names["wanted"], rel=0.06)


def check_runtime(names: dict[str, Any]) -> None:
    assert sum(names["counts"][bits] for bits in ("00", "11")) > 1700


def check_mitiq(names: dict[str, Any]) -> None:
    assert names["noisy"] == pytest.approx(0.98**5)
    assert names["mitigated"] == pytest.approx(1, abs=0.01)


def check_mqt(names: dict[str, Any]) -> None:
    assert all(bits.count("1") == 1 for bits in names["counts"])


def check_pennylane(names: dict[str, Any]) -> None:
    assert names["value"] == pytest.approx(0.9 * np.cos(0.3), abs=5 / 4000**0.5)


@pytest.mark.parametrize(
    ("section", "package", "check"),
    [
        ("qiskit-algorithms", "qiskit_algorithms", check_algorithms),
        ("qiskit-experiments", "qiskit_experiments", check_experiments),
        ("qiskit-ibm-runtime", "qiskit_ibm_runtime", check_runtime),
        ("mitiq", "mitiq", check_mitiq),
        ("MQT Bench", "mqt.bench", check_mqt),
        ("PennyLane", "pennylane_qiskit", check_pennylane),
    ],
)
def test_snippet(section: str, package: str, check: Any) -> None:
    pytest.importorskip(package)
    text = DOCUMENT.read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    names: dict[str, Any] = {}
    (snippet,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(snippet, str(DOCUMENT), "exec"), names)
    check(names)
