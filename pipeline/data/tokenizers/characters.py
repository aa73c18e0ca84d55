"""Single characters, spaces among them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from pipeline.data.tokenizers._own import UNKNOWN, plain


def fit(
    texts: Iterable[str],
    source: Path | None,
    special: list[str],
    *,
    size: Annotated[int, Field(ge=3)] = 500,
    lower: bool = False,
) -> Tokenizer:
    """size: tokens of the vocabulary at most."""
    tokenizer = plain(Tokenizer(models.WordLevel({}, unk_token=UNKNOWN)), lower)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    trainer = trainers.WordLevelTrainer(vocab_size=size, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
