"""Every op on the device: its values, and its gradients of both orders, are PyTorch's."""

import pytest

from tests import test_table
from tests.cases import Case, each

FIRST_SAMPLES = [case for case in test_table.GOLDEN if case.number == 0]


@each(FIRST_SAMPLES)
def test_results_are_pytorchs(case: Case, cuda: str):
    test_table.test_results_are_pytorchs(case, "float32", cuda)


@each([case for case in FIRST_SAMPLES if case.row.differentiable])
def test_gradients_are_pytorchs(case: Case, cuda: str):
    test_table.test_gradients_are_pytorchs(case, "float64", cuda)


def test_there_are_ops():
    assert len(FIRST_SAMPLES) > 150


pytestmark = pytest.mark.gpu
