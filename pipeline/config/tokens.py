"""Why text can't be cut into tokens as params.yaml says: a tokenizer that is not there, or data that are no text."""

from collections.abc import Iterator

from pipeline import introspection
from pipeline.config.messages import Location, Problem, option_problems, unknown
from pipeline.config.sections import Params
from pipeline.data.spec import Tokens
from pipeline.paths import ROOT


def tokenizer_problems(where: Location, tokens: Tokens) -> Iterator[Problem]:
    """Of an entry of `tokenizers`."""
    known = introspection.names("data/tokenizers")
    if tokens.by not in known:
        yield (*where, "by"), unknown("tokenizer", tokens.by, known)
        return
    yield from option_problems(f"data/tokenizers/{tokens.by}", "fit", (*where, "options"), tokens.options)
    if tokens.source and tokens.by != "pretrained":
        yield (*where, "source"), f"tokenizer {tokens.by} is fitted on the training texts; leave source out"
    if tokens.by == "pretrained" and not tokens.source:
        yield where, "a pretrained tokenizer is a model's own: name the model's card or folder as source"
    if tokens.source and not (ROOT / tokens.source).exists():
        cards = [f"pipeline/models/cards/{name}.yaml" for name in introspection.cards("models")]
        yield (*where, "source"), unknown("card of weights", tokens.source, cards)


def use_problems(params: Params, where: Location, tokens: str | None, data: str, needed: bool) -> Iterator[Problem]:
    """Of `tokens` in the entry at `where`, about the data set `data`. needed: whether text has to have it there."""
    if params.data[data].reader not in introspection.names("data/readers"):
        return  # said where the data is
    if params.data[data].kind != "tokens":
        if tokens:
            yield (*where, "tokens"), f"data set {data} is {params.data[data].kind} data, no text; leave tokens out"
    elif tokens is None and needed:
        valid = ", ".join(params.tokenizers) or "none yet"
        yield where, f"data set {data} is text: say by `tokens` which entry of tokenizers cuts it; valid: {valid}"
    elif tokens is not None and tokens not in params.tokenizers:
        yield (*where, "tokens"), unknown("tokenizer", tokens, params.tokenizers)
