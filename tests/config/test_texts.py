"""What can't be done with texts, or with their tokenizers, is refused before anything runs."""

from typing import Any

from tests.config.texts import cases, refused_in
from tests.corpora import SECTIONS

CARD = "pipeline/models/cards/minilm.yaml"
TEXTS = (
    SECTIONS[: SECTIONS.index("search:")]
    .replace(
        "tokenizers:\n",
        "  pictures: {source: p, reader: image_folder, options: {size: [8, 8]}, task: classification,\n"
        "             budget: {laptop: {epochs: 2}}}\n"
        "tokenizers:\n"
        f"  minilm: {{by: pretrained, source: {CARD}}}\n",
    )
    .replace(
        "variants:\n",
        "  pictures_cnn: {data: pictures, model: models/cnn, recipe: quick}\n"
        "  news_minilm:\n"
        f"    {{data: news, model: models/bert, recipe: quick, tokens: minilm, start: {{weights: {CARD}}}}}\n"
        "  treebank_minilm:\n"
        "    {data: treebank, model: models/bert, recipe: quick, tokens: minilm, args: {pool: none},\n"
        f"     start: {{weights: {CARD}}}}}\n"
        "variants:\n",
    )
    + """\
studies:
  more: {of: news_lstm, vary: [{label: scratch}, {label: tuned, start: {weights: news_lstm}}]}
"""
)
CNN = "news_cnn: {data: news, model: models/text_cnn, recipe: quick, args: {maps: 8, embedding: 16}}"
CRF = "treebank_crf: {data: treebank, model: models/lstm_crf, recipe: quick, args: {hidden: 16, embedding: 16}}"
WORDS = "words: {by: words, length: 24}"
ROW, TAGGED, PICTURES = "experiments.news_cnn", "experiments.treebank_crf", "experiments.pictures_cnn"


def cnn(more: str) -> str:
    return f"{CNN[:-1]}, {more}}}"


REFUSED = [
    # a model and its input
    (
        CNN,
        "news_cnn: {data: news, model: models/cnn, recipe: quick}",
        f"{ROW}.model",
        "cnn takes image input, but data",
    ),
    (CNN, "news_cnn: {data: news, model: models/cnn, recipe: quick}", f"{ROW}.model", "models that fit: models/bert"),
    (CNN, "news_cnn: {data: news, model: models/mlp, recipe: quick}", f"{ROW}.model", "give it view 'tfidf'"),
    ("model: models/cnn", "model: models/text_cnn", f"{PICTURES}.model", "text_cnn takes tokens input, but"),
    ("models/cnn,", "models/mlp, view: tfidf,", f"{PICTURES}.view", "'tfidf' does not apply to image data"),
    (CNN, cnn("view: flatten"), f"{ROW}.view", "'flatten' does not apply to tokens data; valid: none, tfidf"),
    # a tokenizer that is not there, is not needed, or can't be
    (
        "tokens: words\n    budget: {laptop: {samples: 70",
        "budget: {laptop: {samples: 70",
        "data.news",
        "valid: minilm, words",
    ),
    ("    tokens: words", "    tokens: word", "data.news.tokens", "unknown tokenizer 'word'; did you mean 'words'?"),
    ("tokens: letters", "tokens: leters", "experiments.news_letters.tokens", "did you mean 'letters'?"),
    ("models/cnn,", "models/cnn, tokens: words,", f"{PICTURES}.tokens", "pictures is image data, no text"),
    ("reader: image_folder,", "reader: image_folder, tokens: words,", "data.pictures.tokens", "leave tokens out"),
    ("{by: words", "{by: word", "tokenizers.words.by", "valid: bpe, characters, pretrained, words"),
    (WORDS, "words: {by: words, options: {size: 0}}", "tokenizers.words.options.size", "equal to 3 (given: 0)"),
    (WORDS, "words: {by: words, length: 0}", "tokenizers.words.length", "equal to 1 (given: 0)"),
    (WORDS, "words: {by: words, options: {sise: 9}}", "tokenizers.words.options.sise", "did you mean 'size'?"),
    (WORDS, f"words: {{by: words, source: {CARD}}}", "tokenizers.words.source", "is fitted on the training texts"),
    (WORDS, "words: {by: pretrained}", "tokenizers.words", "name the model's card or folder as source"),
    ("minilm.yaml", "minilmm.yaml", "tokenizers.minilm.source", f"did you mean '{CARD}'?"),
    ("minilm.yaml", "efficientnet_lite1.yaml", "tokenizers.minilm.source", f"model without a tokenizer; valid: {CARD}"),
    (f"source: {CARD}", "source: pipeline/models", "tokenizers.minilm.source", "has no tokenizer.json; the model's"),
    (
        f"source: {CARD}}}",
        f"source: {CARD}, length: 600}}",
        "experiments.news_minilm.tokens",
        "tokenizer minilm leaves 600 tokens of a text, but models/bert has 512 positions; set its length to 512, or",
    ),
    (
        "tokens: minilm, args: {pool: none}",
        "tokens: minilm, args: {pool: none, positions: 255}",
        "experiments.treebank_minilm.tokens",
        "tokenizer minilm leaves 256 tokens of a text, but models/bert has 255 positions",
    ),
    (
        f"source: {CARD}}}",
        f"source: {CARD}, length: 2}}",
        "tokenizers.minilm.length",
        "one token of a text has to fit between those that begin and end it; set it to 3 at least",
    ),
    # weights that have learnt from other tokens
    (
        "tokens: minilm, start",
        "start",
        "experiments.news_minilm.start.weights",
        "but here it is words; name as tokens minilm",
    ),
    (
        "tokens: minilm, start",
        "tokens: letters, start",
        "experiments.news_minilm.start.weights",
        f"{CARD} has learnt from its own tokenizer's tokens, but here it is letters",
    ),
    (
        "of: news_lstm, vary",
        "of: news_letters, vary",
        "studies.more.vary.1.start.weights",
        "news_lstm has learnt from tokens of words, but here they are of letters; name it as tokens",
    ),
    (
        "of: news_lstm, vary",
        "of: treebank_lstm, vary",
        "studies.more.vary.1.start.weights",
        "tokenizer words of news_lstm is fitted on news there and on treebank here; take a pretrained one for both",
    ),
    # a recipe
    (CNN, cnn("set: {augment: [{name: flip}]}"), ROW, "'flip' is for image data, but news is tokens; valid: none"),
    (CNN, cnn("set: {mixup: 0.2}"), ROW, "mixup 0.2 is for numbers, but news is text; set it to 0.0"),
    (CNN, cnn("set: {cutmix: 0.2}"), ROW, "cutmix 0.2 is for numbers, but news is text; set it to 0.0"),
    (
        "validation: 0.2}\n",
        "validation: 0.2}\n    missing: mean\n",
        "data.news.missing",
        "missing 'mean' is for tables, but text_table reads tokens data here; valid: refuse, drop",
    ),
    (
        "reader: image_folder,",
        "reader: image_folder, missing: drop,",
        "data.pictures.missing",
        "missing 'drop' is for tables and texts, but image_folder reads image data here; valid: refuse",
    ),
    # tags
    (
        CRF,
        f"{CRF[:-1]}, set: {{sampling: balanced}}}}",
        TAGGED,
        "sampling 'balanced' is for classes, but treebank has tags",
    ),
    (CRF, f"{CRF[:-1]}, set: {{mixup: 0.2}}}}", TAGGED, "mixup 0.2 is for numbers, but treebank is text"),
    (CRF, f"{CRF[:-1]}, set: {{loss: hinge}}}}", TAGGED, "loss 'hinge' is for classes, but treebank has tags"),
    (
        "true, pool: none",
        "true",
        "experiments.treebank_lstm",
        "pool is 'last', but every token has a tag; valid: 'none'",
    ),
    (
        CNN,
        "news_cnn: {data: news, model: models/lstm_crf, recipe: quick}",
        ROW,
        "target is 'class', but it scores every token",
    ),
    (
        CRF,
        "treebank_crf: {data: treebank, model: models/text_cnn, recipe: quick}",
        TAGGED,
        "target is 'tags', but it scores whole texts",
    ),
    (
        CRF,
        "treebank_crf: {data: treebank, model: classical/svm, recipe: solver, view: tfidf}",
        f"{TAGGED}.view",
        "task tagging is about words in their order, but treebank with view 'tfidf' has none",
    ),
    (
        f"     start: {{weights: {CARD}}}",
        f"     start: {{weights: {CARD}, train: head}}",
        "experiments.treebank_minilm.start.train",
        "treebank has a tag for each word, and features are of whole texts; take top, lora or all",
    ),
    # a step that the format before it does not fit
    ("news_lstm, steps: [{method: onnx}, ", "news_svm, steps: [", "variants.news_lstm_int8.steps.0", "kept as skops"),
]


@cases(REFUSED)
def test_refused_with_key_line_and_advice(check: Any, before: str, after: str, key: str, said: str) -> None:
    refused_in(TEXTS, check, before, after, key, said)


def test_what_the_cases_change_can_be_run(check: Any) -> None:
    assert check(TEXTS).experiments["news_minilm"].tokens == "minilm"
    dropping = TEXTS.replace("validation: 0.2}\n", "validation: 0.2}\n    missing: drop\n", 1)
    assert check(dropping).data["news"].missing == "drop"
