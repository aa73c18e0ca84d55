"""Pieces of words by byte-pair encoding.

Sennrich, Haddow, Birch (2016): Neural machine translation of rare words with subword units. A space is kept as the
beginning of the word that it stands before (Kudo, Richardson 2018), so that text can be put together again.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from pipeline.data.tokenizers._own import UNKNOWN, plain


def fit(
    texts: Iterable[str],
    source: Path | None,
    special: list[str],
    *,
    size: Annotated[int, Field(ge=3)] = 8_000,
    lower: bool = False,
) -> Tokenizer:
    """size: tokens of the vocabulary at most; every character of the training texts is one."""
    tokenizer = plain(Tokenizer(models.BPE(unk_token=UNKNOWN)), lower)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
