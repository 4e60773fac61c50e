"""The rows of the op table, by subject. Each module has ``ROWS: list[Row]``."""
