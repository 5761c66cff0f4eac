"""Write entries of a timeline as lines, for a terminal or as CSV."""

import csv
import io
import json

from ferryman.client.text import clean, instant
from ferryman.sentences import sentence
from ferryman.wire.transfer import TimelineEntry

CSV_HEAD = ("seq", "at", "kind", "summary", "data")


def line(entry: TimelineEntry) -> str:
    """Write an entry for a terminal; what spans several lines stays together by its indent."""
    text = clean(f"{instant(entry.at)}  {sentence(entry)}".rstrip())
    return text.replace("\n", "\n    ")


def csv_row(*cells: object) -> str:
    """Write one row of CSV, without the line's end."""
    row = io.StringIO()
    # The writer quotes what its line's end consists of, so that must be there and then go.
    csv.writer(row, lineterminator="\r\n").writerow(cells)
    return row.getvalue().removesuffix("\r\n")


def csv_line(entry: TimelineEntry) -> str:
    """Write an entry as CSV: the sentence for people, and the data it was made from."""
    data = json.dumps(entry.data, ensure_ascii=False)
    return csv_row(entry.seq, instant(entry.at), entry.kind, clean(sentence(entry)), data)
