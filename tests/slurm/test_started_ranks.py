"""MPI ranks that a script in an allocation starts itself, with srun where there is no mpirun."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from slurm_jobs import Submitter

SCRIPT = """
from qiskit import QuantumCircuit
from lret_qiskit import LRETProvider

if __name__ == "__main__":
    backend = LRETProvider(mpi_ranks=4).get_backend("lret_simulator")
    circuit = QuantumCircuit(3)
    circuit.h(0)
    circuit.cx(0, [1, 2])
    circuit.measure_all()
    options = {"shots": 100, "seed_simulator": 1, "parallelization": "row"}
    result = backend.run(circuit, **options).result()
    print("MPI ranks", result.results[0].metadata["mpi_ranks"])
    print("counts", sorted(result.get_counts()), sum(result.get_counts().values()))
"""


@pytest.fixture
def without_mpirun(tmp_path: Path) -> Path:
    """A Python with all packages of this one, beside which there is no mpirun."""
    folder = tmp_path / "python"
    create = [sys.executable, "-m", "venv", "--without-pip", folder]
    subprocess.run(create, check=True, timeout=60)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "all.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin" / "python"


def test_srun_where_there_is_no_mpirun(
    sbatch: Submitter, tmp_path: Path, without_mpirun: Path
) -> None:
    if shutil.which("mpirun", path="/usr/local/bin:/usr/bin:/bin"):
        pytest.skip("this machine has an mpirun of its own")
    script = tmp_path / "started.py"
    script.write_text(SCRIPT)
    # mpi4py looks for the library in the folder of its Python.
    library = next(iter(sorted(Path(sys.prefix, "lib").glob("libmpi.so.*"))))
    asked = ("--nodes=2", "--ntasks-per-node=2", "--mem-per-cpu=1G")
    job = sbatch.run(
        *asked,
        f"--wrap={without_mpirun} -P {script}",
        PATH="/usr/local/bin:/usr/bin:/bin",
        MPI4PY_LIBMPI=str(library),
    )
    assert "MPI ranks 4" in job.output
    assert "counts ['000', '111'] 100" in job.output
