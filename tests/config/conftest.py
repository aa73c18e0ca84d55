from pathlib import Path
from typing import Any

import pytest

from pipeline.config import loading
from pipeline.config.sections import Params


@pytest.fixture
def check(tmp_path: Path) -> Any:
    def check(text: str) -> Params:
        (tmp_path / "params.yaml").write_text(text)
        return loading.load(tmp_path / "params.yaml")

    return check
