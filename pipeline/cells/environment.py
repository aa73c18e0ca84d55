"""The environment number: a part of every key, raised when a package that cells import changes its version.

`environment.json` stands beside the lock and says the number and the versions that it stands for. A machine with other
versions, such as one with a GPU and the packages of its own, keeps the number: its cells record what they ran with.
"""

import json
import platform
import re
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

# What the work of a cell imports; others in the lock decide no result.
PACKAGES = (
    "numpy", "onnx", "onnxruntime", "onnxscript", "peft", "pillow", "pyarrow", "pytorch-lightning", "rdata",
    "sacrebleu", "safetensors", "scikit-learn", "scipy", "skops", "tokenizers", "torch", "torchvision", "transformers",
)  # fmt: skip


@cache
def number() -> int:
    """What `environment.json` says."""
    return int(json.loads((Path(__file__).parents[2] / "environment.json").read_text())["number"])


def installed() -> dict[str, str]:
    """Versions of Python and of those of PACKAGES that are here."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def locked(requirements: str) -> dict[str, str]:
    """Versions of PACKAGES in the text of a requirements file; of some each Python has its own."""
    found = re.findall(r"^([a-z0-9-]+)==([^\s;\\]+)", requirements, re.MULTILINE)
    return {name: ", ".join(version for known, version in found if known == name) for name in PACKAGES}


def update(folder: Path) -> str:
    """Bring `environment.json` up to `requirements.txt`, both in `folder`; returns what there is to say.

    A package that is new has made no cell yet, so it raises no number.
    """
    path, packages = folder / "environment.json", locked((folder / "requirements.txt").read_text())
    known: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {"number": 1, "packages": {}}
    before = known["packages"]
    changed = [name for name, version in packages.items() if before.get(name, version) != version]
    number = known["number"] + bool(changed)
    path.write_text(json.dumps({"number": number, "packages": packages}, indent=1) + "\n")
    if not changed:
        return f"environment {number}: no package that cells import has changed; every cell stays"
    return f"environment {number}: {', '.join(changed)} changed; every cell will be made anew"


if __name__ == "__main__":
    print(update(Path.cwd()))
