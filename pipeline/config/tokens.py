"""Why text can't be cut into tokens as params.yaml says: a tokenizer that is not there, or data that are no text."""

from collections.abc import Iterator

from pipeline import introspection
from pipeline.config.messages import Location, Problem, option_problems, unknown
from pipeline.config.sections import Experiment, Params
from pipeline.data.spec import Tokens
from pipeline.paths import ROOT

FILE = "tokenizer.json"  # of a pretrained one


def tokenizer_problems(where: Location, tokens: Tokens) -> Iterator[Problem]:
    """Of an entry of `tokenizers`."""
    known = introspection.names("data/tokenizers")
    if tokens.by not in known:
        yield (*where, "by"), unknown("tokenizer", tokens.by, known)
        return
    yield from option_problems(f"data/tokenizers/{tokens.by}", "fit", (*where, "options"), tokens.options)
    if tokens.source and tokens.by != "pretrained":
        yield (*where, "source"), f"tokenizer {tokens.by} is fitted on the training texts; leave source out"
    if tokens.by == "pretrained" and tokens.length < 3:
        yield (
            (*where, "length"),
            "one token of a text has to fit between those that begin and end it; set it to 3 at least",
        )
    if tokens.by == "pretrained" and not tokens.source:
        yield where, "a pretrained tokenizer is a model's own: name the model's card or folder as source"
    if tokens.source and (what := _source_problem(tokens.source)):
        yield (*where, "source"), what


def _source_problem(source: str) -> str | None:
    """Why a card or a folder of weights has no tokenizer; None where it has one."""
    cards = [f"pipeline/models/cards/{name}.yaml" for name in introspection.cards("models")]
    if not (ROOT / source).exists():
        return unknown("card of weights", source, cards)
    fitting = [card for card in cards if FILE in introspection.card(card)["files"]]
    if source in cards and source not in fitting:
        return f"{source} is of a model without a tokenizer; valid: {', '.join(fitting)}"
    if (ROOT / source).is_dir() and not (ROOT / source / FILE).is_file():
        save = f"AutoTokenizer.from_pretrained('{source}').save_pretrained('{source}')"
        return f"{source} has no {FILE}; the model's authors publish it, and `{save}` of transformers writes it"
    return None


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


def position_problems(params: Params, where: Location, experiment: Experiment) -> Iterator[Problem]:
    """Of a row whose network has `positions` for fewer tokens than its tokenizer leaves of a text."""
    data = params.data.get(experiment.data)
    name = experiment.tokens or (data.tokens if data else None)
    tokens = params.tokenizers.get(name or "")
    option = introspection.options(experiment.model, "build").model_fields.get("positions")
    positions = experiment.args.get("positions", option and option.default)
    if tokens and isinstance(positions, int) and tokens.length > positions:
        what = f"tokenizer {name} leaves {tokens.length} tokens of a text, but {experiment.model} has {positions}"
        yield (*where, "tokens"), f"{what} positions; set its length to {positions}, or name another one here"
