"""Tables of README and docs, from files in Git: `python -m pipeline.report.readme` writes them between their marks."""

import textwrap
from collections.abc import Callable
from pathlib import Path

from pipeline import paths
from pipeline.config import loading
from pipeline.report import build, study
from pipeline.report.render import document
from pipeline.report.studies import ablation
from pipeline.report.studies._points import Point, shown
from pipeline.report.table import comparison, tables
from pipeline.report.table.references import References

END = "<!-- end of table -->"
# What README shows of the laptop profile: one of each family, of pictures and of texts.
ROWS = (
    "fmnist_mlp",
    "fmnist_lenet5",
    "fmnist_resnet20",
    "fmnist_capsnet_small",
    "fmnist_transformer",
    "fmnist_gru",
    "fmnist_svm",
    "fmnist_tree",
    "r8_svm",
    "r8_cnn",
    "r8_gru",
    "r8_minilm",
    "tr_web_lstm",
    "tr_web_lstm_crf",
    "tr_web_lstm_characters",
    "en_fr_transformer",
    "en_fr_lstm_attention",
)
LABELS = ("100", "1,000", "10,000 or all")
# Where weights come from -> its studies, one for each of LABELS.
STARTS = {
    "EfficientNet-Lite0 at 48 pixels, ImageNet": ("transfer_100", "transfer_1000", "transfer_all"),
    "ResNet-8, SimCLR": ("simclr_1_percent", "simclr_10_percent", "simclr_all_labels"),
    "Transformer encoder, masked autoencoder": (
        "masked_autoencoder_1_percent",
        "masked_autoencoder_10_percent",
        "masked_autoencoder_all_labels",
    ),
    "MiniLM, sentences; movie snippets": ("transfer_text_100", "transfer_text_1000", "transfer_text_all"),
}
SIGNS = {"better": " ✓", "worse": " ✗"}


def families() -> str:
    """ROWS as the terminal shows them, and how to read them."""
    params = loading.load(profile="laptop")
    found = build.results(params, params.profile, ROWS)
    chosen = params.model_copy(update={"experiments": {key: params.experiments[key] for key in ROWS}, "variants": {}})
    rows = comparison.rows(chosen, params.profile, found, References(paths.ROOT / "references"))
    notes = [f"{tables.INTERVAL};", f"{tables.MDD}.", tables.NOTES[-1]]
    printed = "\n\n".join(map(document.terminal, tables.experiments(rows, "t")))
    return f"```text\n{printed}\n\n" + "\n".join(textwrap.fill(note, 118) for note in notes) + "\n```"


def starts() -> str:
    """Test scores by where weights come from and how many labels there are, with the paired test's verdict."""
    lines = [["labels", *LABELS], ["---"] * (1 + len(LABELS))]
    for network, studies in STARTS.items():
        columns = [_verdicts(ablation.read(study.read(paths.study("laptop", name)))) for name in studies]
        every = dict.fromkeys(point for column in columns for point in column)
        lines += [[f"{network}: {point}", *(column.get(point, "") for column in columns)] for point in every]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _verdicts(points: list[Point]) -> dict[str, str]:
    signs = {
        point.varied: SIGNS.get(ablation.verdict(d, p, point.metric), "") for point, d, p in ablation.compared(points)
    }
    return {
        point.varied: f"{shown(point.score.mean, point.metric)} ± {shown(point.score.half_width, point.metric)}"
        f"{signs.get(point.varied, '')}"
        for point in points
    }


# Document -> what its table is called, and what makes it.
TABLES: dict[str, tuple[str, Callable[[], str]]] = {
    "README.md": ("table", families),
    "docs/studies.md": ("starts", starts),
}


def mark(name: str) -> str:
    return f"<!-- {name}: made by `make readme` -->"


def refreshed(name: str, text: str) -> str:
    """The text of a document with its table replaced; ValueError where a mark is missing."""
    called, make = TABLES[name]
    head, start, rest = text.partition(mark(called))
    _, end, tail = rest.partition(END)
    if not start or not end:
        raise ValueError(f"{name}: no {END if start else mark(called)}")
    return f"{head}{start}\n\n{make()}\n\n{end}{tail}"


if __name__ == "__main__":
    for name in TABLES:
        path = Path(name)
        path.write_text(refreshed(name, path.read_text()))
