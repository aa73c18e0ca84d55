"""Ways to cut text into tokens, one a file; `tokenizers` in params.yaml names them.

`fit(texts, source, special, *, ...)` returns a tokenizer of Hugging Face's library, made from the training texts alone.
source: a folder with a pretrained one's files, or None. special: the first tokens of our own, which stand for no text;
a pretrained tokenizer has its own.
"""
