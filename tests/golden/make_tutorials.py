"""What PyTorch shows for every cell of the notebooks in tests/tutorials: the data of tests/test_tutorials.py."""

import matplotlib

from tests import tutorials


def collect() -> dict[str, list[dict[str, object]]]:
    matplotlib.use("Agg")
    return {notebook: [outcome.shown for outcome in tutorials.run(notebook)] for notebook in tutorials.NOTEBOOKS}
