"""Imports point one way."""

import ast
from pathlib import Path

LAYERS = [
    ("_pending", "_by_need", "_first_use", "_finding_cuda", "_cuda_memory"),
    ("_determinism", "_device", "_dtype", "_format", "_silence", "_linspace", "_template", "math", "return_types"),
    ("_dimensions", "_kernel_text", "_launch"),
    ("_graph",),
    ("_anomaly", "_journey"),
    ("_op",),
    ("_tensor",),
    ("_refusing_views", "_saved"),
    ("_record",),
    ("_calls",),
    ("_fast", "_fast_pending"),
    ("_define",),
    ("ops",),
    ("_functions",),
    ("_hooking",),
    ("_node_gradients",),
    ("_engine",),
    ("_backward",),
    ("_inplace",),
    ("_setitem",),
    ("_conversions", "_exchange", "_numpy_protocol", "nn", "special"),
    ("_cupy_protocol",),
    ("autograd", "cuda"),
    ("_methods",),
    ("fuse",),
    ("sweeps", "expression"),
    ("cli",),
    ("__main__",),
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def imported_rooms(path: Path, package: Path) -> set[str]:
    """The top-level rooms of gradcu that a module imports when it is loaded or when its functions run."""
    parts = path.relative_to(package).with_suffix("").parts
    rooms: set[str] = set()
    tree = ast.parse(path.read_text())
    for_types = {
        id(node)
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and "TYPE_CHECKING" in ast.dump(test.test)
        for part in test.body
        for node in ast.walk(part)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.ImportFrom) and node.level:
            base = parts[: len(parts) - node.level]
            names = [node.module] if node.module else [alias.name for alias in node.names]
            rooms |= {(*base, *name.split("."))[0] for name in names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("gradcu."):
            rooms.add((node.module or "").split(".")[1])
    return rooms


def test_imports_point_one_way(root: Path) -> None:
    package = root / "gradcu"
    wrong = []
    for path in sorted(package.rglob("*.py")):
        room = path.relative_to(package).parts[0].removesuffix(".py")
        if room == "__init__":
            continue
        assert room in LEVEL, f"{room} has no layer: add it to LAYERS"
        for other in imported_rooms(path, package):
            if other != room and other in LEVEL and LEVEL[other] >= LEVEL[room]:
                wrong.append(f"{path.relative_to(package)} imports {other}")
    assert not wrong
