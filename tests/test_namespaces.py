"""The rooms ``special`` and ``nn.functional``: PyTorch's names for gradcu's own functions."""

import inspect
import json
import subprocess
import sys

import pytest

import gradcu
from gradcu._op import FUNCTIONS
from gradcu.nn import functional

ALIASES = {"expit": "sigmoid", "gammaln": "lgamma", "psi": "digamma"}


def names(room: object) -> list[str]:
    """What a room offers."""
    return [name for name, found in vars(room).items() if inspect.isfunction(found) and not name.startswith("_")]


IN_PLACE = [name for name in names(functional) if getattr(functional, name).__code__ is functional.relu.__code__]


@pytest.mark.parametrize("name", names(gradcu.special))
def test_special_functions_are_gradcus(name: str):
    assert getattr(gradcu.special, name) is FUNCTIONS[ALIASES.get(name, name)]


@pytest.mark.parametrize("name", names(functional))
def test_functions_of_networks_are_gradcus(name: str):
    found = getattr(functional, name)
    assert (inspect.unwrap(found) if name in IN_PLACE else found) is FUNCTIONS[name]


@pytest.mark.parametrize("name", IN_PLACE)
def test_an_activation_changes_its_input_where_that_is_asked_for(name: str):
    arguments = (0.25, 7.0) if name == "threshold" else ()
    x = gradcu.tensor([-2.0, 0.5, 3.5])
    expected = FUNCTIONS[name](x, *arguments)
    assert getattr(functional, name)(x, *arguments, inplace=True) is x
    assert x.tolist() == expected.tolist()
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        getattr(functional, name)(gradcu.ones(2, requires_grad=True), *arguments, inplace=True)


def test_in_place_forms_are_there_before_their_module_is_loaded():
    code = """
import json, sys, gradcu
x = gradcu.tensor([0.5, 1.0])
had = "gradcu.ops.floats" in sys.modules
print(json.dumps([had, x.deg2rad_() is x, x.tolist() == gradcu.deg2rad(gradcu.tensor([0.5, 1.0])).tolist()]))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [False, True, True]
