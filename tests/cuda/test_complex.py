"""Complex numbers on CUDA, where their operations are CuPy's."""

import pytest

import gradcu
from tests.autograd.agreement import check
from tests.autograd.cases import cases


# What is printed names the device.
@pytest.mark.parametrize("name", [name for name in cases("complex_numbers") if name != "representations"])
def test_pytorch_does_the_same(name: str, cuda: str):
    with gradcu.device(cuda):
        check("complex_numbers", name)


def test_pairs_that_a_gpu_cannot_read_at_once_are_refused(cuda: str):
    pairs = gradcu.ones(2, 4, device=cuda)
    assert gradcu.view_as_complex(pairs[:, 2:4]).tolist() == [1 + 1j, 1 + 1j]
    with pytest.raises(RuntimeError, match="Tensor must have a storage_offset divisible by 2"):
        gradcu.view_as_complex(pairs[:, 1:3])
