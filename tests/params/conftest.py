from pathlib import Path
from typing import Any

import pytest

from pipeline import params
from pipeline.params import Params


@pytest.fixture
def check(tmp_path: Path) -> Any:
    def check(text: str) -> Params:
        (tmp_path / "params.yaml").write_text(text)
        return params.load(tmp_path / "params.yaml")

    return check
