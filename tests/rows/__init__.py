"""The rows of the op table, one module a subject, each with ``ROWS: list[Row]``; see tests/table.py."""
