"""Whether weights that a network starts from have learnt from the tokens that its texts have."""

from pathlib import Path

from pipeline.cells.cell import read_json
from pipeline.data.dataset import TOKENIZER
from pipeline.training.start import Start


def require_tokens(start: Start, source: Path, data: Path) -> None:
    """ValueError where weights in the cell at `source` have learnt from other tokens than the texts in `data` have now.

    Shapes do not tell: vocabularies of other texts may be of one size.
    """
    if not ((source / TOKENIZER).is_file() and (data / TOKENIZER).is_file()):
        return  # numbers; or a card or a folder, which params.yaml has to name as the tokenizer's source too
    from pipeline.data.text import difference  # numbers do without a tokenizer

    if what := difference(source / TOKENIZER, data / TOKENIZER):
        name = read_json(data / "meta.json")["name"]
        raise ValueError(
            f"{start.weights} has learnt from tokens of its own tokenizer, but those of {name} are of another: {what}; "
            f"put a copy of its {TOKENIZER} into a folder, write an entry of tokenizers {{by: pretrained, source: "
            "./folder} and name that as tokens, or leave start out"
        )
