"""What a loaded model says of scores that are no answer."""

from pathlib import Path

import numpy as np
import pytest
from mlflow.exceptions import MlflowException

from pipeline.data.ragged import Ragged
from pipeline.data.spec import Facts, Vocabulary
from pipeline.data.tokenizers import words
from pipeline.data.tokenizers._own import SPECIAL
from pipeline.tracking.loader import Model

FACTS = Facts(
    kind="tokens",
    shape=[8],
    classes=["DET", "NOUN"],
    outputs=2,
    vocabulary=Vocabulary(size=5, padding=0),
    aligned=True,
)


def test_scores_of_a_tagger_that_are_no_numbers_are_told_by_the_text(tmp_path: Path) -> None:
    tokenizer = words.fit(["the dog barks"], None, SPECIAL)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    asked = ["the dog", "the dog barks", "barks"]

    def scores(tokens: Ragged) -> np.ndarray:
        """Of the tokens of all texts, one after another; those of `barks` are too large."""
        return np.where(tokens.flat()[:, None] == tokenizer.token_to_id("barks"), np.inf, [[0.0, 1.0]])

    with pytest.raises(MlflowException, match="item 1: its values are so large that the scores are no finite numbers"):
        Model(None, scores, FACTS, tmp_path).predict(asked)
    assert Model(None, scores, FACTS, tmp_path).predict(asked[:1]) == [["NOUN", "NOUN"]]
