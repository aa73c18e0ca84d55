"""A report as a list of blocks, and its renderings. Blocks hold plain text; each rendering escapes for itself."""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$", "—": "---"}
TEX |= {character: "\\" + character for character in "&%$#_{}"} | {"<": "$<$", ">": "$>$", "`": ""}
STYLE = """
:root{color-scheme:light} body{font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;margin:auto;
padding:1rem;max-width:92rem}
h1{font-size:1.6rem;line-height:1.25} h2{font-size:1.25rem;margin:2.2rem 0 .4rem} p,ul,figcaption{max-width:50rem}
li{margin:.25rem 0;overflow-wrap:anywhere} code{font-size:.9em;background:#f1f1ee;padding:.1em .3em} a{color:#00558c}
.wide{overflow-x:auto;margin:.8rem 0} table{border-collapse:collapse;font-size:.78rem;font-variant-numeric:tabular-nums}
caption{text-align:left;color:#555;padding-bottom:.4rem} thead th{border-bottom:2px solid;vertical-align:bottom}
th,td{padding:.3rem .4rem;text-align:right;white-space:nowrap} tr{border-bottom:1px solid #ddd} .text{text-align:left}
thead th{white-space:normal;line-height:1.25}
th:first-child{position:sticky;left:0;background:#fff;text-align:left} .bad{color:#a32100;font-weight:600}
figure{margin:1rem 0} img{max-width:100%;height:auto} figcaption{color:#555;font-size:.9rem}
@media(max-width:40rem){body{padding:.7rem;font-size:15px} th,td{padding:.3rem}
img{max-width:none;height:14rem}}
"""


@dataclass(frozen=True)
class Heading:
    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph, or with several items a list. `code` in backquotes; an http(s) address becomes a link in HTML."""

    items: Sequence[str]


@dataclass(frozen=True)
class Table:
    """Columns named in `words`, and the first, stand flush left."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    words: Sequence[str] = ()

    def left(self, column: int) -> bool:
        return column == 0 or self.headers[column] in self.words


@dataclass(frozen=True)
class Picture:
    """name: of the file, without suffix. draw: `module:function`, which makes a matplotlib figure of `data`, JSON
    values: a description costs no import of matplotlib, and can be drawn by another process."""

    name: str
    caption: str
    draw: str
    data: Mapping[str, Any]

    @property
    def file(self) -> str:
        return f"{self.name}.png"


Block = Heading | Text | Table | Picture


def markdown(blocks: Sequence[Block]) -> str:
    def escape(text: str) -> str:
        text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
        return re.sub(r"([\\|*])", r"\\\1", text)

    def render(block: Block) -> str:
        match block:
            case Heading():
                return "#" * block.level + " " + escape(block.text)
            case Text():
                return "\n".join(("- " if len(block.items) > 1 else "") + escape(item) for item in block.items)
            case Table():
                rule = [":--" if block.left(i) else "--:" for i in range(len(block.headers))]
                lines = [block.headers, *block.rows]
                cells = [[escape(cell) for cell in line] for line in lines]
                cells.insert(1, rule)
                return f"{escape(block.caption)}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in cells)
            case Picture():
                return f"![{escape(block.caption)}]({block.file})"

    return "\n\n".join(map(render, blocks)) + "\n"


def page(title: str, blocks: Sequence[Block]) -> str:
    """One HTML page beside its pictures; nothing is loaded from elsewhere."""

    def inline(text: str) -> str:
        # The address ends before white space, a quote or a bracket, all looked for before they are escaped.
        parts = re.split(r"(https?://[^\s<>\"'`]*[^\s<>\"'`.,;)])", text)
        parts = [html.escape(part) for part in parts]
        parts[1::2] = [f'<a href="{part}">{part}</a>' for part in parts[1::2]]
        return re.sub(r"`([^`]+)`", r"<code>\1</code>", "".join(parts))

    def line(block: Table, row: Sequence[str], tags: tuple[str, str]) -> str:
        def cell(i: int) -> str:
            bad = re.search("FAILED|not run|of .* seeds", row[i])
            classes = "text " * block.left(i) + "bad" * bool(bad)
            return f'<{tags[i > 0]} class="{classes}">{html.escape(row[i])}</{tags[i > 0]}>'

        return f"<tr>{''.join(map(cell, range(len(row))))}</tr>\n"

    def render(block: Block) -> str:
        match block:
            case Heading():
                return f"<h{block.level}>{html.escape(block.text)}</h{block.level}>"
            case Text():
                items = [inline(item) for item in block.items]
                return f"<p>{items[0]}</p>" if len(items) == 1 else f"<ul><li>{'</li><li>'.join(items)}</li></ul>"
            case Table():
                head = f"<thead>{line(block, block.headers, ('th', 'th'))}</thead>"
                body = "".join(line(block, row, ("th", "td")) for row in block.rows)
                table = f"<table><caption>{inline(block.caption)}</caption>{head}<tbody>{body}</tbody></table>"
                return f'<div class="wide">{table}</div>'
            case Picture():
                caption = html.escape(block.caption)  # the picture lies beside the page
                image = f'<div class="wide"><img alt="{caption}" src="{html.escape(block.file)}"></div>'
                return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"

    head = f'<meta name="viewport" content="width=device-width,initial-scale=1"><title>{html.escape(title)}</title>'
    head = f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">{head}<style>{STYLE}</style></head>'
    body = "\n".join(map(render, blocks))
    return f"{head}\n<body>\n{body}\n</body></html>\n"


def tex(tables: Sequence[Table]) -> str:
    """Floats for `\\input`; a table wider than the text is scaled down to it."""

    def escape(text: str) -> str:
        return "".join(TEX.get(character, character) for character in text)

    def render(block: Table) -> str:
        align = "".join("l" if block.left(i) else "r" for i in range(len(block.headers)))
        head, *body = (" & ".join(map(escape, row)) + r" \\" for row in (block.headers, *block.rows))
        lines = [r"\begin{table*}[tbp]", r"\centering", rf"\caption{{{escape(block.caption)}}}"]
        lines += [r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%", rf"\begin{{tabular}}{{{align}}}"]
        lines += [r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}}", r"\end{table*}"]
        return "\n".join(lines)

    return "% needs \\usepackage{booktabs,graphicx}\n" + "\n\n".join(map(render, tables)) + "\n"


def terminal(table: Table) -> str:
    lines = [table.headers, *table.rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    sides = ["<" if table.left(i) else ">" for i in range(len(widths))]
    form = "  ".join(f"{{:{side}{width}}}" for side, width in zip(sides, widths, strict=True))
    return "\n".join([table.caption, *(form.format(*line).rstrip() for line in lines)])
