"""The README opens with the laptop profile's table: `python -m pipeline.report.readme` puts the newest one in."""

from pathlib import Path

from pipeline import paths

START, END = "<!-- table: made by `make readme` -->", "<!-- end of table -->"


def refreshed(readme: str, table: str) -> str:
    """The README's text with the table between its two marks replaced; ValueError where a mark is missing."""
    head, start, rest = readme.partition(START)
    _, end, tail = rest.partition(END)
    if not start or not end:
        raise ValueError(f"README.md: no {START if not start else END}")
    return f"{head}{START}\n```text\n{table.strip()}\n```\n{END}{tail}"


def table() -> str:
    """Text of the laptop profile's report."""
    return (paths.reports("laptop") / "comparison.txt").read_text()


if __name__ == "__main__":
    path = Path("README.md")
    path.write_text(refreshed(path.read_text(), table()))
