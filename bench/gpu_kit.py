"""What a bare GPU machine lacks, in the folder `.gpu-kit`: `make gpu-kit`. Such a machine fetches nothing.

wheels/        packages that it has not, as requirements.txt pins them, for its Python
data.tar.xz    cells of all that its rows fetch: data sets, and weights that they start from
kit.json       commit, rows, and the keys that cells must have to be taken here: they say that both have equal data

ROWS: other rows than are named here, as in `make gpu-kit ROWS="r8_gru r8_cnn"`.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from bench.scratch import ROOT
from pipeline import paths
from pipeline.cells import archives, provenance
from pipeline.cells.cell import write_json
from pipeline.config import loading
from pipeline.run.fill import Run, executor, needed
from pipeline.run.plan import Plan

PROFILE = "paper"
# In order of worth: what takes long on a processor, and what papers show.
ROWS = (
    "fmnist_resnet20_augmented",
    "fmnist_capsnet",
    "mnist_resnet20_augmented",
    "mnist_capsnet",
    "fmnist_lenet5",
    "fmnist_efficientnet_b0",
    "fmnist_alexnet_small",
    "fmnist_capsnet_small",
    "fmnist_transformer",
)
TESTED = "fmnist_lenet5"  # a row whose data the tests of GPUs read
PACKAGES = (  # that training, evaluation and the tests of GPUs import, beside torch, Lightning and scikit-learn
    "annotated-types",
    "prettytable",
    "pydantic",
    "pydantic-core",
    "ruamel-yaml",
    "skops",
    "tokenizers",
    "typing-extensions",
    "typing-inspection",
    "wcwidth",
)
PYTHON = "3.12"
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in (34, 31, 28, 27, 24, 17)]
PLATFORMS += ["manylinux2014_x86_64", "manylinux1_x86_64"]
LIMIT = 60 * 2**20  # bytes of the whole working tree, this folder included


def expected(plan: Plan, rows: Sequence[str]) -> dict[str, list[str]]:
    """Keys of the train cells of each row, by seed, and digests of the data that they are trained on."""
    digests = {f"data of {row}": [plan.data(row).identity] for row in rows}
    return digests | {row: [plan.train(row, seed).key for seed in plan.params.seeds_of(row)] for row in rows}


def _wheels(folder: Path) -> None:
    """Pinned and hashed as in requirements.txt."""
    blocks = re.split(r"\n(?=\S)", (ROOT / "requirements.txt").read_text())
    chosen = [block for block in blocks if block.partition("==")[0] in PACKAGES]
    if missing := set(PACKAGES) - {block.partition("==")[0] for block in chosen}:
        sys.exit(f"requirements.txt has no {', '.join(sorted(missing))}; bench/gpu_kit.py lists them in PACKAGES")
    wanted = folder.with_suffix(".txt")
    wanted.write_text("\n".join(chosen) + "\n")
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    where = ["--only-binary=:all:", "--python-version", PYTHON, "--implementation", "cp", *platforms]
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, *where, "--require-hashes", "-r", wanted, "-d", folder], check=True)
    wanted.unlink()


def _size() -> int:
    """Of all files that Git tracks or would track, and of the kit."""
    listed = ["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "-z"]
    names = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split("\0")
    files = [path for name in filter(None, names) if (path := ROOT / name).is_file()]
    return sum(path.stat().st_size for path in [*files, *(p for p in paths.KIT.rglob("*") if p.is_file())])


def main() -> int:
    plan = Plan(loading.load(profile=PROFILE))
    rows = os.environ.get("ROWS", "").split() or list(ROWS)
    if unknown := set(rows) - set(plan.params.experiments):
        sys.exit(f"ROWS: params.yaml has no experiment {', '.join(sorted(unknown))}")
    wanted = needed(cell for row in dict.fromkeys([*rows, TESTED]) for cell in plan.experiment(row))
    fetched = [cell for cell in wanted if cell.kind == "fetch"]
    Run(executor(2)).fill([*fetched, *(plan.data(row) for row in rows)])
    shutil.rmtree(paths.KIT, ignore_errors=True)
    paths.KIT.mkdir()
    _wheels(paths.KIT / "wheels")
    with tarfile.open(paths.KIT / "data.tar.xz", "w:xz", preset=1) as archive:
        for cell in fetched:
            archives.add(archive, cell.folder)
    write_json(paths.KIT / "kit.json", {"commit": provenance.commit(), "rows": rows, "keys": expected(plan, rows)})
    size = _size()
    print(json.dumps({"megabytes": round(size / 2**20, 1), "limit": LIMIT // 2**20, "rows": rows}))
    if size > LIMIT:
        print(f"the working tree with {paths.KIT.name}/ is larger than {LIMIT // 2**20} MiB", file=sys.stderr)
    return 1 if size > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
