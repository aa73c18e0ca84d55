"""Ways to cut text into tokens, one a file; `tokenizers` in params.yaml names them.

`fit(texts, source, *, ...)` returns a tokenizer of Hugging Face's library, made from the training texts alone. source:
a folder with a pretrained one's files, or None. Token 0 of our own is padding, and 1 stands for what is not in the
vocabulary.
"""
