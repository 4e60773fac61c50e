"""Gradients of complex numbers: leaves, cotangents, hooks, Functions, changes in place, views, functional, checks."""

from typing import Any

from tests.autograd.cases._shared import attempt, made


def _numbers(torch: Any, *values: complex) -> Any:
    """A complex128 leaf."""
    return torch.tensor(list(values or (1 + 2j, -0.5 + 1j)), dtype=torch.complex128, requires_grad=True)


def _floats(torch: Any, *values: float) -> Any:
    return torch.tensor(list(values or (0.5, 2.0)), dtype=torch.float64, requires_grad=True)


def real_loss_of_complex_leaf(torch: Any) -> Any:
    z = _numbers(torch)
    (z * z.conj()).sum().real.backward()
    first = z.grad.clone()
    (z**3).abs().sum().backward()
    return first, z.grad, z.grad.dtype == z.dtype


def leaves_of_both_kinds(torch: Any) -> Any:
    x, z = _floats(torch), _numbers(torch)
    ((x * z + x / z) * (2 - 1j)).abs().sum().backward()
    return x.grad, z.grad


def single_precision(torch: Any) -> Any:
    z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    (z * x * x.double()).abs().sum().backward()
    return z.grad, x.grad


def cotangents_of_outputs(torch: Any) -> Any:
    z = _numbers(torch)
    one, other = torch.tensor([1j, 2.0], dtype=torch.complex128), torch.tensor([1.0, 2.0], dtype=torch.complex64)
    return [torch.autograd.grad(z * z, z, cotangent)[0] for cotangent in (one, other)]


def cotangents_that_are_missing_or_wrong(torch: Any) -> Any:
    z = torch.tensor(1 + 2j, requires_grad=True)
    real, imaginary = torch.tensor(1.0), torch.tensor(1j)
    return [
        attempt(lambda: (z * z).backward()),
        attempt(lambda: torch.autograd.grad(z * z, z)),
        attempt(lambda: (z * z).backward(real)),
        attempt(lambda: (z * z).abs().backward(imaginary)),
    ]


def what_can_require_a_gradient(torch: Any) -> Any:
    z = torch.zeros(2, dtype=torch.complex64).requires_grad_()
    y = torch.ones(1, dtype=torch.complex128)
    y.requires_grad = True
    return z.requires_grad, y.requires_grad, torch.complex(y.real.detach(), y.imag.detach()).requires_grad


def representations(torch: Any) -> Any:
    z = torch.tensor([1 + 2j], requires_grad=True)
    return [repr(z), repr(z * z), repr(z.abs()), repr(z.conj()), repr(torch.view_as_real(z))]


def higher_orders(torch: Any) -> Any:
    z, x = _numbers(torch), _floats(torch)
    gradients = []
    value = (z * z * x).abs().sum()
    for _ in range(3):
        (value,) = torch.autograd.grad(value, x if len(gradients) % 2 else z, create_graph=True)
        gradients.append(value.detach().clone())
        value = (value * value.conj()).sum().real + (value * x).sum().abs()
    return gradients


def backward_of_a_recorded_backward(torch: Any) -> Any:
    z = _numbers(torch)
    (z**3).abs().sum().backward(create_graph=True)
    first = z.grad
    (second,) = torch.autograd.grad((first * first.conj()).sum().real, z)
    return first.detach(), second


def hooks_see_and_change_gradients(torch: Any) -> Any:
    seen = []
    z = _numbers(torch)
    y = z * z
    y.register_hook(lambda g: seen.append(g.clone()))
    y.register_hook(lambda g: g * 1j)
    z.register_hook(lambda g: seen.append(g.clone()))
    y.retain_grad()
    y.abs().sum().backward()
    refused = z.exp()
    refused.register_hook(lambda g: g.abs())
    return seen, y.grad, z.grad, attempt(lambda: refused.abs().sum().backward()).partition("(")[0]


def functions_get_gradients_as_they_are(torch: Any) -> Any:
    seen = []

    def backward(ctx: Any, g: Any) -> Any:
        seen.append(g.clone())
        (z,) = ctx.saved_tensors
        return g * (2 * z).conj()

    def forward(ctx: Any, z: Any) -> Any:
        ctx.save_for_backward(z)
        return z * z

    z = _numbers(torch)
    square = made(torch, forward, backward)
    (gradient,) = torch.autograd.grad((square.apply(z) * 1j).real.sum(), z, create_graph=True)
    (second,) = torch.autograd.grad(gradient.abs().sum(), z)
    return list(seen), gradient.detach(), second, torch.autograd.gradcheck(square.apply, (z,))


def functions_between_both_kinds(torch: Any) -> Any:
    def turn(ctx: Any, angle: Any) -> Any:
        turned = torch.complex(angle.cos(), angle.sin())
        ctx.save_for_backward(turned)
        return turned

    def back(ctx: Any, g: Any) -> Any:
        (turned,) = ctx.saved_tensors
        return g * (turned * 1j).conj()

    x = _floats(torch)
    (made(torch, turn, lambda ctx, g: back(ctx, g).real).apply(x) + 1).abs().sum().backward()
    complex_gradient = made(torch, turn, back).apply(x).abs().sum()
    return x.grad, attempt(complex_gradient.backward).partition(":")[0]


def changes_in_place(torch: Any) -> Any:
    z, x = _numbers(torch), _floats(torch)
    y = z * 1
    y.mul_(z)
    y += x
    y[0] = 3j * z[1]
    y[1:].exp_()
    y.abs().sum().backward()
    return y.detach(), z.grad, x.grad


def saved_values_that_were_changed(torch: Any) -> Any:
    z = _numbers(torch)
    y = z * 1
    product = y * z
    y.add_(1j)
    return attempt(lambda: product.abs().sum().backward()).partition("[")[0]


def leaves_are_not_changed_in_place(torch: Any) -> Any:
    z = _numbers(torch)
    return attempt(lambda: z.mul_(2)), attempt(lambda: z.real.mul_(2)), attempt(lambda: (z * 1).abs_())


def parts_are_views(torch: Any) -> Any:
    z, x = _numbers(torch), _floats(torch)
    y = z * 1
    y.real.mul_(x)
    y.imag[0] = x[1] * 3
    torch.view_as_real(y)[1, 0] += x[0]
    y.abs().sum().backward()
    return y.detach(), z.grad, x.grad, type(y.grad_fn).__name__


def parts_can_be_assigned(torch: Any) -> Any:
    z = torch.tensor([1 + 2j, 3 + 4j])
    z.real = torch.tensor([5.0, 6.0])
    z.imag = -1
    x = torch.tensor([1.0])

    def assign() -> None:
        x.imag = 1.0

    return z, attempt(assign), attempt(lambda: x.imag), x.real is x


def a_complex_view_of_pairs(torch: Any) -> Any:
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64, requires_grad=True)
    y = x * 1
    z = torch.view_as_complex(y)
    z.mul_(1j)
    (z * z).abs().sum().backward()
    return y.detach(), x.grad


def pairs_that_are_no_complex_numbers(torch: Any) -> Any:
    view = torch.view_as_complex
    return [
        attempt(view, torch.ones(3)),
        attempt(view, torch.ones(())),
        attempt(view, torch.ones(2, 2).t()),
        attempt(view, torch.ones(3, 3)[:, :2]),
        attempt(torch.view_as_real, torch.ones(2)),
        attempt(torch.complex, torch.ones(2), torch.ones(2, dtype=torch.float64)),
        attempt(torch.complex, torch.ones(2), 1.0),
    ]


def adjoints(torch: Any) -> Any:
    z = torch.tensor([[1 + 2j, 3j], [0j, 2.0]], requires_grad=True)
    vector = torch.ones(2, dtype=torch.complex64)
    (z.H @ z.mH @ z.adjoint()).abs().sum().backward()
    return [
        z.grad,
        *(attempt(lambda name=name: getattr(vector, name)) for name in ("H", "mH")),
        attempt(vector.adjoint),
        attempt(torch.add, torch.ones(2), torch.ones(2), alpha=2j),
    ]


def casts(torch: Any) -> Any:
    x, z = _floats(torch), torch.tensor([1 + 2j, 3j], requires_grad=True)
    (x.to(torch.complex128) * 2j).abs().sum().backward()
    (z.to(torch.complex128) ** 2).abs().sum().backward()
    return x.grad, z.grad


def where_a_modulus_has_no_derivative(torch: Any) -> Any:
    z = _numbers(torch, 0j, 1j)
    functions = (torch.abs, torch.angle, torch.sgn, lambda z: z.norm(), lambda z: z.sqrt())
    cotangent = torch.tensor([1.0, 1.0], dtype=torch.float64)
    found = []
    for function in functions:
        out = function(z)
        weights = cotangent[: max(out.numel(), 1)].to(out.dtype).reshape(out.shape)
        found.append(torch.autograd.grad(out, z, weights)[0].abs())
    return found[:4]


def powers(torch: Any) -> Any:
    z, x = _numbers(torch, 1 + 2j, 0j), _floats(torch, 2.0, 0.0)
    exponents = torch.tensor([1 + 1j, 2.0], dtype=torch.complex128, requires_grad=True)
    functions = (lambda: z**2, lambda: z**0, lambda: z**exponents, lambda: 2**z, lambda: 2j**x)
    found = []
    for function in functions:
        inputs = [z, x, exponents]
        gradients = torch.autograd.grad(function().sum().real, inputs, allow_unused=True)
        found.append([gradient for gradient in gradients if gradient is not None])
    return found


def derivatives_of_functions(torch: Any) -> Any:
    functional = torch.autograd.functional
    z, v = torch.tensor([1 + 2j, 0.5j]), torch.tensor([1j, 2.0 + 0j])

    def modulus(z: Any) -> Any:
        return (z * z).abs().sum()

    return {
        "jacobian of a complex function": attempt(functional.jacobian, lambda z: z * z, z),
        "jacobian of a real function": functional.jacobian(lambda z: (z * z).abs(), z),
        "jacobian of parts": functional.jacobian(lambda z: torch.view_as_real(z * z), z),
        "vjp": functional.vjp(lambda z: z**3, z, v),
        "jvp": functional.jvp(lambda z: z**3, z, v),
        "hessian": attempt(functional.hessian, modulus, z),
        "vhp": functional.vhp(lambda z: (z * z * z).abs().sum(), z, v),
        "hvp": functional.hvp(lambda z: (z * z * z).abs().sum(), z, v),
    }


def gradcheck_of_both_kinds(torch: Any) -> Any:
    z, x = _numbers(torch), _floats(torch)
    checks = (torch.autograd.gradcheck, torch.autograd.gradgradcheck)
    functions = {
        "complex to complex": (lambda z: z.sin() * z, (z,)),
        "complex to real": (lambda z: (z * z).abs(), (z,)),
        "real to complex": (lambda x: x * 2j + torch.complex(x, x * x), (x,)),
        "both": (lambda x, z: (x * z, (z + x).abs()), (x, z)),
        "conjugates": (lambda z: z.conj() * z, (z,)),
        "constant": (lambda z: torch.ones(2, dtype=torch.complex128) * 1j, (z,)),
    }
    return {
        name: [attempt(check, function, point) for check in checks[: 1 if name == "constant" else 2]]
        for name, (function, point) in functions.items()
    }


def gradcheck_finds_what_is_wrong(torch: Any) -> Any:
    """Without the conjugate, and with a part that is left out."""
    z = torch.tensor([0.5 + 1j], dtype=torch.complex128, requires_grad=True)

    def forward(ctx: Any, z: Any) -> Any:
        ctx.save_for_backward(z)
        return z * z

    unconjugated = made(torch, forward, lambda ctx, g: g * 2 * ctx.saved_tensors[0]).apply
    imaginary = made(torch, lambda ctx, z: z.clone(), lambda ctx, g: torch.complex(g.real, g.imag * 0)).apply
    return [
        attempt(torch.autograd.gradcheck, function, (z,)).partition("\n")[0] for function in (unconjugated, imaginary)
    ]
