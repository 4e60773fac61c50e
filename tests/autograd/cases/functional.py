"""Jacobians, Hessians and products with them."""

from typing import Any

from tests.autograd.cases._shared import attempt, leaf


def _points(torch: Any) -> tuple[Any, Any]:
    return torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0, 5.0])


def _two_by_two(x: Any, y: Any) -> Any:
    return x.sum() * y * y, x * 2


def _cubes(x: Any) -> Any:
    return (x * x * x).sum()


def _product(x: Any, y: Any) -> Any:
    return (x * x * x).sum() * y.sum()


def _sum(x: Any, y: Any) -> Any:
    return (x * x * x).sum() + y.sum()


def _matrix(torch: Any) -> Any:
    return torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def jacobians(torch: Any) -> Any:
    x, y = _points(torch)
    jacobian = torch.autograd.functional.jacobian
    return {
        "tuples": jacobian(_two_by_two, (x, y)),
        "tensors": jacobian(lambda x: x * x, x),
        "tuple of outputs": jacobian(lambda x: (x * x,), x),
        "tuple of inputs": jacobian(lambda x: x * x, (x,)),
        "scalar": jacobian(lambda x: x * x, torch.tensor(3.0)),
        "scalar output": jacobian(_cubes, x),
        "scalar input": jacobian(lambda s: s * x, torch.tensor(3.0)),
        "matrix": jacobian(lambda m: m.sum(0) * x[0], _matrix(torch)),
        "constant": jacobian(lambda x: torch.ones(2), x),
        "unused": jacobian(lambda x, y: x * 2, (x, y)),
        "vectorize": jacobian(_two_by_two, (x, y), vectorize=True),
        "float64": jacobian(lambda x: x * x, torch.tensor([1.0, 2.0], dtype=torch.float64)),
    }


def shapes_of_jacobians(torch: Any) -> Any:
    m, x = _matrix(torch), torch.ones(4)
    found = torch.autograd.functional.jacobian(lambda m, x: (m.sum() * x, m * x.sum()), (m, x))
    return [[list(part.shape) for part in row] for row in found]


def jacobians_with_a_graph(torch: Any) -> Any:
    x, w = leaf(torch, 1.0, 2.0), _points(torch)[0]
    jacobian = torch.autograd.functional.jacobian
    without = jacobian(lambda x: x * x, x)
    found = jacobian(lambda x: x * x, x, create_graph=True)
    (found * found).sum().backward()
    constant = jacobian(lambda x: x * 2, w, create_graph=True)
    return without.requires_grad, found, found.requires_grad, x.grad, constant.requires_grad


def jacobians_outside_no_grad(torch: Any) -> Any:
    with torch.no_grad():
        return torch.autograd.functional.jacobian(lambda x: x * x, torch.tensor([1.0, 2.0]))


def the_inputs_stay_as_they_are(torch: Any) -> Any:
    x, y = leaf(torch, 1.0, 2.0), torch.tensor([3.0, 4.0])
    torch.autograd.functional.jacobian(lambda x, y: x * y, (x, y))
    return x.grad, y.requires_grad, x.requires_grad


def what_jacobian_refuses(torch: Any) -> Any:
    x, y = _points(torch)
    jacobian = torch.autograd.functional.jacobian
    return {
        "list of inputs": attempt(jacobian, lambda x: x * 2, [x]),
        "number": attempt(jacobian, lambda x: x * 2, 3),
        "number among inputs": attempt(jacobian, lambda x, y: x * 2, (x, 3)),
        "number as output": attempt(jacobian, lambda x: 3, x),
        "number among outputs": attempt(jacobian, lambda x: (x, 3), x),
        "list of outputs": attempt(jacobian, lambda x: [x, x], x),
        "strict, constant": attempt(jacobian, lambda x: torch.ones(2), x, strict=True),
        "strict, unused": attempt(jacobian, lambda x, y: x * 2, (x, y), strict=True),
        "strict, linear": attempt(jacobian, lambda x: x * 2, x, strict=True),
        "strict, linear, with a graph": attempt(jacobian, lambda x: x * 2, x, strict=True, create_graph=True),
        "strict and vectorize": attempt(jacobian, lambda x: x * 2, x, strict=True, vectorize=True),
    }


def hessians(torch: Any) -> Any:
    x, y = _points(torch)
    hessian = torch.autograd.functional.hessian
    return {
        "one": hessian(_cubes, x),
        "two": hessian(_product, (x, y)),
        "tuple of one": hessian(_cubes, (x,)),
        "scalar": hessian(lambda x: x * x * x, torch.tensor(2.0)),
        "matrix": hessian(_cubes, _matrix(torch)[:, :2]),
        "linear": hessian(lambda x: (x * 2).sum(), x),
        "linear in one": hessian(_sum, (x, y)),
        "constant": hessian(lambda x: torch.tensor(2.0), x),
        "one element": hessian(lambda x: _cubes(x).reshape(1), x),
        "vectorize": hessian(_product, (x, y), vectorize=True),
    }


def hessians_with_a_graph(torch: Any) -> Any:
    x = leaf(torch, 1.0, 2.0)
    found = torch.autograd.functional.hessian(lambda x: (x * x * x * x).sum(), x, create_graph=True)
    found.sum().backward()
    return found, x.grad


def what_hessian_refuses(torch: Any) -> Any:
    x, y = _points(torch)
    hessian = torch.autograd.functional.hessian
    return {
        "vector": attempt(hessian, lambda x: x * x, x),
        "tuple": attempt(hessian, lambda x: (_cubes(x),), x),
        "two outputs": attempt(hessian, lambda x: (_cubes(x), x.sum()), x),
        "number": attempt(hessian, lambda x: 3, x),
        "number as input": attempt(hessian, _cubes, 3),
        "strict, linear": attempt(hessian, lambda x: (x * 2).sum(), x, strict=True),
        "strict, linear in one": attempt(hessian, _sum, (x, y), strict=True),
        "strict, constant": attempt(hessian, lambda x: torch.tensor(2.0), x, strict=True),
    }


def vector_jacobian_products(torch: Any) -> Any:
    x, y = _points(torch)
    vjp = torch.autograd.functional.vjp
    w = leaf(torch, 1.0, 2.0)
    return {
        "tuples": vjp(_two_by_two, (x, y), (y, x)),
        "tensors": vjp(lambda x: x * x, x, x),
        "scalar": vjp(_cubes, x),
        "constant": vjp(lambda x: torch.ones(2), x, x),
        "without a graph": [t.requires_grad for t in vjp(lambda x: x * x, w, x)],
        "with a graph": [t.requires_grad for t in vjp(lambda x: x * x, w, x, create_graph=True)],
    }


def what_vjp_refuses(torch: Any) -> Any:
    x, y = _points(torch)
    vjp = torch.autograd.functional.vjp
    return {
        "v is missing": attempt(vjp, lambda x: x * 2, x),
        "v is missing for a tuple": attempt(vjp, _two_by_two, (x, y)),
        "v of another shape": attempt(vjp, lambda x: x * 2, x, y),
        "v of another shape in a tuple": attempt(vjp, _two_by_two, (x, y), (y, y)),
        "v is a tuple": attempt(vjp, lambda x: x * 2, x, (x, x)),
        "v is a short tuple": attempt(vjp, _two_by_two, (x, y), (y,)),
        "v is a number": attempt(vjp, lambda x: x * 2, x, 3),
        "strict, constant": attempt(vjp, lambda x: torch.ones(2), x, x, strict=True),
        "strict, unused": attempt(vjp, lambda x, y: x * 2, (x, y), x, strict=True),
        "strict, linear, with a graph": attempt(vjp, lambda x: x * 2, x, x, strict=True, create_graph=True),
    }


def jacobian_vector_products(torch: Any) -> Any:
    x, y = _points(torch)
    jvp = torch.autograd.functional.jvp
    w = leaf(torch, 1.0, 2.0)
    return {
        "tuples": jvp(_two_by_two, (x, y), (x, y)),
        "tensors": jvp(lambda x: x * x, x, x),
        "linear": jvp(lambda x: x * 2, x, x),
        "scalar": jvp(lambda s: s * x, torch.tensor(3.0)),
        "constant": jvp(lambda x: torch.ones(2), x, x),
        "partly constant": jvp(lambda x: (x * x, torch.ones(1)), x, x),
        "without a graph": [t.requires_grad for t in jvp(lambda x: x * x, w, x)],
        "with a graph": [t.requires_grad for t in jvp(lambda x: x * x, w, x, create_graph=True)],
    }


def what_jvp_refuses(torch: Any) -> Any:
    x, y = _points(torch)
    jvp = torch.autograd.functional.jvp
    return {
        "v is missing": attempt(jvp, lambda x: x * 2, x),
        "v is missing for a tuple": attempt(jvp, _two_by_two, (x, y)),
        "v of another shape": attempt(jvp, lambda x: x * 2, x, y),
        "strict, constant": attempt(jvp, lambda x: torch.ones(2), x, x, strict=True),
        "strict, linear": attempt(jvp, lambda x: x * 2, x, x, strict=True),
        "strict, linear, with a graph": attempt(jvp, lambda x: x * 2, x, x, strict=True, create_graph=True),
    }


def hessian_products(torch: Any) -> Any:
    x, y = _points(torch)
    w = leaf(torch, 1.0, 2.0)
    found = {}
    for name in ("vhp", "hvp"):
        product = getattr(torch.autograd.functional, name)
        found[name] = {
            "one": product(_cubes, x, x),
            "two": product(_product, (x, y), (x, y)),
            "linear in one": product(_sum, (x, y), (x, y)),
            "linear": product(lambda x: x.sum(), x, x),
            "scalar": product(lambda x: x * x * x, torch.tensor(2.0)),
            "with a graph": [t.requires_grad for t in product(_cubes, w, x, create_graph=True)],
            "without a graph": [t.requires_grad for t in product(_cubes, w, x)],
        }
    return found


def what_hessian_products_refuse(torch: Any) -> Any:
    x, y = _points(torch)
    found = {}
    for name in ("vhp", "hvp"):
        product = getattr(torch.autograd.functional, name)
        found[name] = {
            "v is missing": attempt(product, _cubes, x),
            "v of another shape": attempt(product, _cubes, x, y),
            "vector": attempt(product, lambda x: x * 2, x, x),
            "tuple": attempt(product, lambda x: (_cubes(x),), x, x),
            "strict, linear": attempt(product, lambda x: x.sum(), x, x, strict=True),
            "strict, linear in one": attempt(product, _sum, (x, y), (x, y), strict=True),
            "strict, constant": attempt(product, lambda x: torch.tensor(3.0), x, x, strict=True),
        }
    return found


def jacobians_by_columns(torch: Any) -> Any:
    x, y = _points(torch)
    jacobian, hessian = torch.autograd.functional.jacobian, torch.autograd.functional.hessian

    def columns(function: Any, inputs: Any) -> Any:
        return jacobian(function, inputs, vectorize=True, strategy="forward-mode")

    def second(function: Any, inputs: Any) -> Any:
        return hessian(function, inputs, vectorize=True, outer_jacobian_strategy="forward-mode")

    return {
        "one": columns(lambda x: torch.exp(x) * x.sum(), x),
        "matrix": columns(lambda x: (x * x).sum(0), torch.ones(2, 3)),
        "two inputs": columns(lambda x, y: x.sum() * y, (x, y)),
        "two outputs": columns(lambda x: (x * x, x.sum()), x),
        "two by two": columns(lambda x, y: (x.sum() * y, x * 2), (x, y)),
        "scalar": columns(lambda x: torch.stack([x, x * x]), torch.tensor(3.0)),
        "unused": columns(lambda x, y: x * 2, (x, y)),
        "detached": columns(lambda x: x.detach() * 1, x),
        "second derivatives": second(_cubes, x).detach(),
        "mixed": [[part.detach() for part in row] for row in second(_sum, (x, y))],
    }
