from pathlib import Path

import pytest

from pipeline.report import references

FIGURE = "{data: d, model: m, metric: accuracy, value: 0.9, comparable: true, note: n, checked: source}"
ROOT = Path(__file__).parents[2]


def test_ours_are_valid() -> None:
    found = references.load(ROOT / "references")
    assert found["fashion_mnist", "mlp"][1].value == 0.8833
    assert found["fashion_mnist", "svm"][1].checked == "memory"
    assert not found["fashion_mnist", "resnet20"][1].comparable


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f"name: a\ncitation: c\nurl: https://a.org\nfigures: [{FIGURE}, {FIGURE}]", "a second figure for m on d"),
        (f"name: a\ncitation: c\nfigures: [{FIGURE}]", "needs a url or a doi"),
        ("name: a\ncitation: c\nurl: 'javascript:x'\nfigures: []", "url"),
        (f"name: a\ncitation: c\ndoi: 10.1/x\nyear: 1998\nfigures: [{FIGURE}]", "year"),
        (f"name: a\ncitation: c\ndoi: 10.1/x\nfigures: [{FIGURE.replace('0.9', '88.3')}]", "less than or equal to 1"),
    ],
)
def test_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ValueError, match=f"(?s)bad.yaml.*{complaint}"):
        references.load(tmp_path)
