import pytest

from tests.autograd.agreement import check
from tests.autograd.cases import cases


@pytest.mark.parametrize("name", cases("complex_numbers"))
def test_pytorch_does_the_same(name: str):
    check("complex_numbers", name)
