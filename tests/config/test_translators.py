"""Sentences for sentences: only networks that write them, and nothing that is of classes."""

from typing import Any

from tests.config.texts import TEXT, cases, refused_in

PAIRS = (
    TEXT.replace(
        "recipes:\n",
        """\
  books:
    source: books
    reader: parallel
    task: translation
    tokens: pieces
    budget:
      laptop: {epochs: 2}
tokenizers:
  pieces: {by: bpe, length: 32}
recipes:
""",
    )
    .replace("recipe: quick, view: none", "recipe: quick")
    .replace(
        "variants:\n",
        "  books_writer: {data: books, model: models/transformer, recipe: quick, set: {ema: 0.9}}\nvariants:\n",
    )
)
ROW, ASKED = "experiments.books_writer", "set: {ema: 0.9}"

REFUSED = [
    ("models/transformer", "models/gru", f"{ROW}.model", "needs a model that writes sentences, which gru does not"),
    ("models/transformer", "models/lstm_crf", f"{ROW}.model", "that do: models/lstm_attention, models/transformer"),
    (ASKED, "view: tfidf", f"{ROW}.view", "about words in their order, but books with view 'tfidf' has none"),
    (ASKED, "set: {sampling: balanced}", ROW, "is for classes, but books has sentences; set it to none"),
    (
        "variants:\n",
        "variants:\n  books_int8: {of: books_writer, steps: [{method: onnx}, {method: static_int8}]}\n",
        "variants.books_int8.steps.0",
        "target is 'sentence', but a graph scores an item at once, a text is written by steps; valid: 'class', "
        "'number', 'tags'; books_writer has data of translation: leave this variant out",
    ),
    *(
        (
            "set: {ema: 0.9}}\n",
            f"start: {{weights: books_older{more}}}}}\n"
            f"  books_older: {{data: books, model: models/{model}, recipe: quick}}\n",
            f"{ROW}.start",
            "books is translated, and a network that writes is trained from scratch; leave it out",
        )
        for model, more in (("transformer", ""), ("transformer", ", train: head"), ("lstm_attention", ", head: kept"))
    ),
    (ASKED, "set: {loss: hinge}", ROW, "is for classes, but books has sentences; valid: default, cross_entropy"),
]


@cases(REFUSED)
def test_what_is_no_translator_is_refused(check: Any, before: str, after: str, key: str, said: str) -> None:
    refused_in(PAIRS, check, before, after, key, said)


def test_a_translator_is_taken(check: Any) -> None:
    assert check(PAIRS).experiments["books_writer"].view == "none"
