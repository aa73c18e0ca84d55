"""Words and signs of punctuation, the most frequent of the training texts."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from pipeline.data.tokenizers._own import UNKNOWN, plain


def fit(
    texts: Iterable[str],
    source: Path | None,
    special: list[str],
    *,
    size: Annotated[int, Field(ge=3)] = 20_000,
    at_least: Annotated[int, Field(ge=1)] = 1,
    lower: bool = True,
) -> Tokenizer:
    """size: tokens of the vocabulary at most. at_least: times that a word has to stand in the training texts."""
    tokenizer = plain(Tokenizer(models.WordLevel({}, unk_token=UNKNOWN)), lower)
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.WordLevelTrainer(
        vocab_size=size, min_frequency=at_least, special_tokens=special, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
