"""E-mails: which parts of them are read, and in which encoding."""

import zipfile
from email.message import EmailMessage
from pathlib import Path

import pytest

from pipeline.cells.cell import write_json
from pipeline.data import prepare
from pipeline.data.raw import DataError
from pipeline.data.readers import mail
from pipeline.data.spec import Prepare, Split, Tokens
from tests.data.reading import write

HTML = "<html><style>p {color: red}</style><!-- hid\nden --><p>A &lt;new&gt;<br>offer</p></html>"


def message(subject: str, body: str, *, subtype: str = "plain", charset: str = "utf-8") -> EmailMessage:
    made = EmailMessage()
    made["Received"] = "from somewhere"
    made["Subject"] = subject
    made.set_content(body, subtype=subtype, charset=charset, cte="base64")
    return made


def read(folder: Path, content: bytes) -> str:
    """The text of one mail."""
    (folder / "a").mkdir()
    (folder / "a" / "1").write_bytes(content)
    write(folder / "b" / "1", "Subject: other\n\nother\n")
    raw = mail.read(folder)
    assert raw.splits["train"][1].tolist() == [0, 1] and raw.splits["train"][0][1] == "other\nother"
    return str(raw.splits["train"][0][0])


@pytest.mark.parametrize("charset", ["utf-8", "koi8-r", "cp1251"])
def test_subject_and_text_in_the_mail_s_own_encoding(tmp_path: Path, charset: str) -> None:
    assert read(tmp_path, message("Тема", "Привет\nмир", charset=charset).as_bytes()) == "Тема\nПривет\nмир"


def test_html_alone_is_read_without_tags(tmp_path: Path) -> None:
    assert read(tmp_path, message("Sale", HTML, subtype="html").as_bytes()).split() == ["Sale", "A", "<new>", "offer"]


def test_plain_text_is_preferred_and_attachments_are_not_read(tmp_path: Path) -> None:
    made = message("Both", "plain words")
    made.add_alternative(HTML, subtype="html")
    made.add_attachment(b"\x00\x01", maintype="image", subtype="png", filename="a.png")
    assert read(tmp_path, made.as_bytes()) == "Both\nplain words"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"From me  Tue Dec  3 11:46:36 2002\nSubject: x\n\nbody", "x\nbody"),  # as a mailbox has it
        (b"Subject: x\n\ncaf\xe9", "x\ncaf\u00e9"),
        (b"Subject: x\nContent-Type: text/plain; charset=no-such\n\ncaf\xe9", "x\ncaf\u00e9"),
        (b"Subject: =?no-such?b?Y2Fm6Q==?=\n\nbody", "caf\u00e9\nbody"),
        (b"Subject: =?utf-8?b?Y?=\n\nbody", "=?utf-8?b?Y?=\nbody"),  # base64 that is none
        (b"To: you\n\nbody", "body"),
    ],
)
def test_mails_that_break_the_rules(tmp_path: Path, content: bytes, text: str) -> None:
    assert read(tmp_path, content) == text


def test_archives_and_folders_and_mails_without_text(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "spam.zip", "w") as archive:
        archive.writestr("two/1", "Subject: last\n\n")
        archive.writestr("one/1", "Subject: first\n\n")
        archive.writestr("one/2", "To: nobody\n\n  \n")
    write(tmp_path / "ham" / "sub" / "1", "Subject: ham\n\n")
    write(tmp_path / "card.json", "{}")
    raw = mail.read(tmp_path)
    x, y = raw.splits["train"]
    assert raw.kind == "tokens" and raw.classes == ["ham", "spam"] and x.dtype == object
    assert x.tolist() == ["ham", "first", "last"] and y.tolist() == [0, 1, 1]
    assert raw.where and raw.where("train", 2) == "spam.zip/two/1"
    assert raw.remarks == ("left out: 1 mails without text, the first spam.zip/one/2",)


def test_equal_mails_in_another_folder_are_the_same_data(tmp_path: Path) -> None:
    written = []
    for root in (tmp_path / "here", tmp_path / "there"):
        for number in range(16):
            text = f"Subject: {number}\n\n" if number else "To: you\n\n"
            write(root / "mails" / ("ham", "spam")[number % 2] / str(number), text)
        (root / "prepared").mkdir()
        write_json(root / "card.json", {"title": "mine", "path": str(root / "mails")})
        tokens, split = Tokens(by="words", length=8), Split(validation=0.2, test=0.2)
        spec = Prepare(data="mine", reader="mail", options={}, task="classification", split=split, tokens=tokens)
        result = prepare.run(spec, root / "prepared", {"raw": root})
        written.append(((root / "prepared" / "meta.json").read_text(), result))
    assert written[0] == written[1] and "left out: 1 mails without text, the first ham/0" in written[0][0]


def test_refused(tmp_path: Path) -> None:
    write(tmp_path / "ham" / "1", "Subject: ham\n\n")
    with pytest.raises(DataError, match=r"expected a folder or a .zip for each class; found \['ham'\]"):
        mail.read(tmp_path)
    write(tmp_path / "spam" / "1", "\n\n")
    with pytest.raises(DataError, match="spam: no mails with text"):
        mail.read(tmp_path)
    write(tmp_path / "spam" / "2", "Subject: spam\n\n")
    for name in ("ham.ZIP", "ham.zip"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("2", "Subject: more\n\n")
        with pytest.raises(DataError, match=f"ham and {name} are of one class; move one away, or its mails over"):
            mail.read(tmp_path)
        (tmp_path / name).unlink()


def test_archives_are_named_in_any_letters_and_other_files_are_counted(tmp_path: Path) -> None:
    write(tmp_path / "ham" / "1", "Subject: ham\n\n")
    write(tmp_path / "eggs.tar.gz", "")
    write(tmp_path / "README", "about")
    with zipfile.ZipFile(tmp_path / "X.ZIP", "w") as archive:
        archive.writestr("1", "Subject: x\n\n")
    raw = mail.read(tmp_path)
    assert raw.classes == ["X", "ham"] and raw.splits["train"][0].tolist() == ["x", "ham"]
    assert raw.remarks == ("left out: 2 files: without ending 1 (README), .gz 1 (eggs.tar.gz)",)
