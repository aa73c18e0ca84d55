import re

import pytest

from pipeline.report.render.document import Heading, Picture, Table, Text, markdown, page, terminal, tex

NASTY = "<script>alert('a_b')</script> 100% & $x|y*"
BLOCKS = [Heading(NASTY), Text([NASTY]), Text([NASTY, "`make <x>`"]), Table([NASTY, "b"], [[NASTY, "1"]], NASTY)]


def test_html_is_escaped_everywhere() -> None:
    text = page(NASTY, BLOCKS)
    assert "<script" not in text
    assert text.count("&lt;script&gt;") == 7
    assert "<code>make &lt;x&gt;</code>" in text


def test_html_links_only_addresses() -> None:
    text = page("t", [Text(['see https://a.org/x?a=1&b="onclick=alert(1)>. javascript:alert(1)'])])
    assert re.findall('href="(.*?)"', text) == ["https://a.org/x?a=1&amp;b="]


def test_html_loads_nothing_but_the_pictures_beside_it() -> None:
    text = page("t", [Picture("a", "<caption>", "", {})])
    assert re.findall('(?:src|href)="(.*?)"', text) == ["a.png"]


def test_tex_is_escaped() -> None:
    text = tex([Table(["a_b", "±"], [["50 % & #1", r"\input{x}^~"]], "n_1 — <x>")])
    assert r"a\_b & $\pm$ \\" in text
    assert r"50 \% \& \#1 & \textbackslash{}input\{x\}\textasciicircum{}\textasciitilde{} \\" in text
    assert r"\caption{n\_1 --- $<$x$>$}" in text
    assert text.count("rule") == 3


def test_markdown_rows_keep_their_columns() -> None:
    lines = markdown(BLOCKS).splitlines()
    assert "<script" not in "".join(lines)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines if line.startswith("|")} == {3}


@pytest.mark.parametrize("rows", [[], [["long name", "1"], ["b", "22"]]])
def test_terminal_aligns(rows: list[list[str]]) -> None:
    caption, head, rule, *body = terminal(Table(["name", "n"], rows, "caption")).splitlines()
    assert (caption, len(body)) == ("caption", len(rows))
    assert {len(line) for line in [head, rule, *body]} == {len(rule)}
