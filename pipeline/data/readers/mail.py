"""E-mails, a folder or a zip archive of them for each class: `ham.zip` and `spam.zip`, `ham/` and `spam/`.

An item is the subject and, below it, the text: the parts of plain text, or else those of HTML without its tags. Other
header lines are left out; they tell which mailbox a mail was collected from.
"""

import email
import email.errors
import email.header
import html
import re
from email.message import Message
from pathlib import Path

import numpy as np

from pipeline.cells import listing
from pipeline.data.raw import DataError, Raw
from pipeline.data.readers import _folders, _texts

KIND = "tokens"
HIDDEN = re.compile(r"(?is)<(script|style)\b.*?</\1>|<!--.*?-->|<[^<>]*>")


def read(folder: Path) -> Raw:
    """Texts (N,) and class numbers (N,). Mails without text and other files are left out, and counted in `remarks`."""
    entries = listing.entries(folder) if folder.is_dir() else []
    sources = [path for path in entries if path.is_dir() or path.suffix.lower() == ".zip"]
    classes = [path.name if path.is_dir() else path.stem for path in sources]
    if len(sources) < 2:
        raise DataError(f"{folder}: expected a folder or a .zip for each class; found {[p.name for p in entries]}")
    if twice := [path.name for path, name in zip(sources, classes, strict=True) if classes.count(name) > 1]:
        raise DataError(f"{folder}: {' and '.join(twice)} are of one class; move one away, or its mails over")
    texts, labels, places, empty = [], [], [], []
    for label, path in enumerate(sources):
        for absolute, content in _texts.contents(path):
            place = Path(absolute).relative_to(folder).as_posix()
            text = _text(email.message_from_bytes(content))
            if text:
                texts.append(text)
                labels.append(label)
                places.append(place)
            else:
                empty.append(place)
        if label not in labels:
            raise DataError(f"{path}: no mails with text")
    remarks = [f"left out: {len(empty)} mails without text, the first {empty[0]}"] if empty else []
    if others := [path for path in entries if path not in sources and path.suffix != ".json"]:
        remarks.append(f"left out: {_folders.by_ending(folder, others)}")
    splits = {"train": (_texts.objects(texts), np.array(labels, np.int64))}
    return Raw(KIND, splits, classes, remarks=tuple(remarks), where=lambda _, number: places[number])


def _text(mail: Message) -> str:
    """Subject and text of a mail; a character that its encoding doesn't have becomes U+FFFD."""
    parts: dict[str, list[str]] = {"text/plain": [], "text/html": []}
    for part in mail.walk():
        content = part.get_payload(decode=True)
        if part.get_content_type() in parts and isinstance(content, bytes):
            parts[part.get_content_type()].append(_decoded(content, part.get_content_charset()))
    text = "\n".join(parts["text/plain"])
    if not text.strip():
        text = html.unescape(HIDDEN.sub(" ", "\n".join(parts["text/html"])))
    return f"{_subject(mail)}\n{text}".strip()


def _subject(mail: Message) -> str:
    try:
        parts = email.header.decode_header(mail["subject"] or "")
    except email.errors.HeaderParseError:
        return str(mail["subject"])
    return "".join(_decoded(part, charset) if isinstance(part, bytes) else part for part, charset in parts)


def _decoded(content: bytes, charset: str | None) -> str:
    """In Latin-1, which has a character for each byte, where the mail names no encoding, or one that is unknown."""
    try:
        return content.decode(charset or "latin-1", "replace").replace("\r\n", "\n")
    except (LookupError, ValueError):
        return content.decode("latin-1").replace("\r\n", "\n")
