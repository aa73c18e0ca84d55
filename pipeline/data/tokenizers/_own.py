"""What tokenizers that are fitted here share: their special tokens, and how text is made plain."""

from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer, normalizers
from tokenizers.normalizers import NFC, Lowercase

PADDING, UNKNOWN = "[PAD]", "[UNK]"
SPECIAL = [PADDING, UNKNOWN]
WRITING = [*SPECIAL, "[BOS]", "[EOS]"]  # where texts are written too: what a sentence begins and ends with


def plain(tokenizer: Tokenizer, lower: bool) -> Tokenizer:
    """With text in Unicode's composed form, in small letters if asked."""
    tokenizer.normalizer = normalizers.Sequence([NFC(), Lowercase()] if lower else [NFC()])
    return tokenizer


def opened(path: Path) -> Tokenizer:
    """A kept tokenizer, read once a process; names of special tokens are text where they stand in one."""
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _read(path: Path, changed: int) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.encode_special_tokens = True  # which the file does not say
    return tokenizer
