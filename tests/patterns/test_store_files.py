"""What a store's adapter needs in the zip is there, with its licences, and runs without anything else."""

from __future__ import annotations

import subprocess
import sys

from serverless_ai_patterns.bundle import store_files


def test_the_driver_of_alloydb_can_be_imported_out_of_the_zip_alone(tmp_path):
    files = store_files("AlloyDb")
    for name, source in files.items():
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import pg8000.native"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert {"pg8000/LICENSE", "six.LICENSE"} < files.keys()


def test_most_stores_need_nothing():
    assert store_files("S3Vectors") == {}
