"""Tests of what older versions of Qiskit have not, or do wrong."""

from __future__ import annotations

import pytest
import qiskit

VERSION = tuple(int(part) for part in qiskit.__version__.split(".")[:2])


def needs_qiskit(minor: int, reason: str) -> pytest.MarkDecorator:
    """Skip a test before this minor version of Qiskit 2."""
    return pytest.mark.skipif((2, minor) > VERSION, reason=f"Qiskit before 2.{minor} {reason}")
