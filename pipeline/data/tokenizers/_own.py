"""What tokenizers that are fitted here share: their special tokens, and how text is made plain."""

from tokenizers import Tokenizer, normalizers
from tokenizers.normalizers import NFC, Lowercase

PADDING, UNKNOWN = "[PAD]", "[UNK]"
SPECIAL = [PADDING, UNKNOWN]
WRITING = [*SPECIAL, "[BOS]", "[EOS]"]  # where texts are written too: what a sentence begins and ends with


def plain(tokenizer: Tokenizer, lower: bool) -> Tokenizer:
    """With text in Unicode's composed form, in small letters if asked."""
    tokenizer.normalizer = normalizers.Sequence([NFC(), Lowercase()] if lower else [NFC()])
    return tokenizer
