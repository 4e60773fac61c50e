"""What PyTorch shows for every cell of the notebooks in tests/tutorials: the data of tests/test_tutorials.py."""

import matplotlib
import torch

from tests import tutorials


def collect() -> dict[str, list[dict[str, object]]]:
    matplotlib.use("Agg")
    # PyTorch gives some warnings once a process, and the topics that were collected before may have used them up.
    torch.set_warn_always(True)
    try:
        return {notebook: [outcome.shown for outcome in tutorials.run(notebook)] for notebook in tutorials.NOTEBOOKS}
    finally:
        torch.set_warn_always(False)
