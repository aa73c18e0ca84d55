"""A row of texts is searched, and its learning rate is tested, like any other."""

import shutil
from pathlib import Path

import pytest

from tests import corpora


@pytest.fixture
def project(texts: Path, tmp_path: Path) -> Path:
    """A copy of one's own."""
    return Path(shutil.copytree(texts, tmp_path / "project"))


def test_a_sweep_trains_texts_and_names_the_best_trial(project: Path) -> None:
    said = corpora.run(project, "-m", "pipeline.cli", "sweep", "--experiment", "news_cnn", "--jobs", "1")
    assert "news_cnn: 3 trainings of 12 epochs in all" in said and "FAILED" not in said
    table = said.partition("on validation, seed")[2].splitlines()[1:]
    assert table[0].split() == ["trial", "accuracy", "lr", "maps"] and table[1].startswith("default  1.0000")
    assert "next: " in table[-1]


@pytest.mark.parametrize("row", ["news_lstm", "treebank_crf"])
def test_the_range_test_finds_a_rate_for_texts_and_tags(project: Path, row: str) -> None:
    said = corpora.run(project, "-m", "pipeline.cli", "lr-range", "--experiment", row)
    assert "suggested lr" in said and (project / "reports" / "laptop" / f"lr_range_{row}.png").is_file()
    assert 1e-4 < float(said.partition("suggested lr ")[2].partition(",")[0]) < 1.0
