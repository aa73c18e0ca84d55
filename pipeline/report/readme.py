"""README's tables, from files in Git: `python -m pipeline.report.readme` puts the newest ones between their marks."""

from pathlib import Path

from pipeline import paths
from pipeline.report import study
from pipeline.report.studies import ablation
from pipeline.report.studies._points import Point, shown

END = "<!-- end of table -->"
# What README calls a number of labels -> the studies at it, one for each of NETWORKS.
LABELS = {
    "100": ("transfer_100", "simclr_1_percent", "masked_autoencoder_1_percent"),
    "1,000": ("transfer_1000", "simclr_10_percent", "masked_autoencoder_10_percent"),
    "10,000": ("transfer_all", "simclr_all_labels", "masked_autoencoder_all_labels"),
}
NETWORKS = (
    "EfficientNet-Lite0 at 48 pixels, ImageNet",
    "ResNet-8, SimCLR",
    "Transformer encoder, masked autoencoder",
)
SIGNS = {"better": " ✓", "worse": " ✗"}


def comparison() -> str:
    """The laptop profile's table."""
    return f"```text\n{(paths.reports('laptop') / 'comparison.txt').read_text().strip()}\n```"


def starts() -> str:
    """Test scores by where weights come from and how many labels there are, with the paired test's verdict."""
    lines = [["Fashion-MNIST labels", *LABELS], ["---"] * (1 + len(LABELS))]
    for network, studies in zip(NETWORKS, zip(*LABELS.values(), strict=True), strict=True):
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


# What README calls a table -> what makes it.
TABLES = {"table": comparison, "starts": starts}


def mark(name: str) -> str:
    return f"<!-- {name}: made by `make readme` -->"


def refreshed(readme: str) -> str:
    """README's text with all tables replaced; ValueError where a mark is missing."""
    for name, make in TABLES.items():
        head, start, rest = readme.partition(mark(name))
        _, end, tail = rest.partition(END)
        if not start or not end:
            raise ValueError(f"README.md: no {END if start else mark(name)}")
        readme = f"{head}{start}\n\n{make()}\n\n{end}{tail}"
    return readme


if __name__ == "__main__":
    path = Path("README.md")
    path.write_text(refreshed(path.read_text()))
