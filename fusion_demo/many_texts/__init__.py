"""Many texts at once: typed lines or an uploaded file, classified in batches, written to a file again.

rows.py       a row of texts, the limits, typed lines
upload.py     the bytes of a CSV, TSV or JSONL file → rows
classify.py   rows → answers, texts of like length together
results.py    answers → CSV and JSONL
"""

from fusion_demo.many_texts.classify import AnsweredRow, classify_rows
from fusion_demo.many_texts.results import (
    ResultRow,
    result_columns,
    result_row,
    results_csv,
    results_jsonl,
)
from fusion_demo.many_texts.rows import MAX_ROWS, InputRow, check_row_count, read_lines
from fusion_demo.many_texts.upload import FILE_ENDINGS, MAX_FILE_BYTES, Upload, read_upload

__all__ = [
    "FILE_ENDINGS",
    "MAX_FILE_BYTES",
    "MAX_ROWS",
    "AnsweredRow",
    "InputRow",
    "ResultRow",
    "Upload",
    "check_row_count",
    "classify_rows",
    "read_lines",
    "read_upload",
    "result_columns",
    "result_row",
    "results_csv",
    "results_jsonl",
]
