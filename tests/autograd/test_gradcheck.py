import pytest

from tests.autograd.agreement import check
from tests.autograd.cases import cases


@pytest.mark.parametrize("name", cases("gradcheck"))
def test_pytorch_does_the_same(name: str):
    check("gradcheck", name)
