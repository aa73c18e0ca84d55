"""Single characters, spaces among them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from pipeline.data.tokenizers._own import SPECIAL, UNKNOWN, plain


def fit(
    texts: Iterable[str],
    source: Path | None,
    *,
    size: Annotated[int, Field(ge=3)] = 500,
    lower: bool = False,
) -> Tokenizer:
    """size: tokens of the vocabulary at most."""
    tokenizer = plain(Tokenizer(models.WordLevel({}, unk_token=UNKNOWN)), lower)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    trainer = trainers.WordLevelTrainer(vocab_size=size, special_tokens=SPECIAL, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
