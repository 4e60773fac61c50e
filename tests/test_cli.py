"""The command line: what goes in, what comes out, exit codes, and errors in one line."""

import json
import os
import re
import subprocess
import sys
import textwrap
import warnings
from pathlib import Path

import numpy as np
import pytest

import gradcu
from gradcu.cli import main
from tests.command import CUBIC, fail, figures, succeed


def test_the_main_job(here: Path, capsys: pytest.CaptureFixture[str]):
    table = succeed(
        capsys, *CUBIC, "--num", "1e5", "--order", "2", "--plot", "sweep.png", "--out", "sweep.npz",
        "--dtype", "float64",
    )  # fmt: skip
    for part in ("x**3 - 3*x**2 + 4", "100,000 from -5 to 5", "order     2", "engine    ", "points/s", "f''"):
        assert part in table
    assert re.search(r"^f +-196 +-5 +54 +5 +0 +0$", table, flags=re.MULTILINE)
    assert "f' changes its sign twice:" in table
    assert "wrote sweep.npz (3.2 MB), sweep.png (" in table
    assert sorted(os.listdir(here)) == ["sweep.npz", "sweep.png"]
    with np.load("sweep.npz") as saved:
        x = saved["x"]
        assert (x[0], x[-1], x.size) == (-5, 5, 100000)
        np.testing.assert_allclose(saved["f"], x**3 - 3 * x**2 + 4, atol=1e-12)
        np.testing.assert_allclose(saved["d1"], 3 * x**2 - 6 * x, atol=1e-12)
        np.testing.assert_allclose(saved["d2"], 6 * x - 6, atol=1e-12)


@pytest.mark.parametrize("command", [[sys.executable, "-m", "gradcu"], ["gradcu"]], ids=["module", "script"])
def test_as_a_process(here: Path, root: Path, command: list[str]):
    if command == ["gradcu"]:
        script = Path(sys.executable).parent / "gradcu"
        if not script.exists():
            pytest.skip("gradcu is not installed here, so there is no script")
        command = [str(script)]
    environment = os.environ | {"PYTHONPATH": str(root)}
    done = subprocess.run(
        [*command, "sweep", *CUBIC, "--num", "101", "--json"],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["rows"]["f"]["maximum"] == 54
    bad = subprocess.run([*command, "sweep", "y"], capture_output=True, text=True, check=False, env=environment)
    assert bad.returncode == 2


@pytest.mark.parametrize("line", [["-2*pi", "-1e0", "1e2"], ["-6.283185307179586", "-1", "100"]])
def test_values_behind_the_expression_stand_for_the_options(
    here: Path, capsys: pytest.CaptureFixture[str], line: list[str]
):
    options = ["--start", line[0], "--stop", line[1], "--num", line[2]]
    for behind in ([*line, "--order", "2"], ["--order", "2", *line]):
        found, expected = figures(capsys, "-x**2", *behind), figures(capsys, "-x**2", *options, "--order", "2")
        assert (found["num"], found["rows"]) == (100, expected["rows"])
    assert "-x**2" in succeed(capsys, "-x**2", *line, "--explain")


@pytest.mark.parametrize(
    ("start", "value"),
    [
        (["--start", "-1e3"], -1000),
        (["--start=-1e3"], -1000),
        (["--start", "-5"], -5),
        (["--start", "-.5"], -0.5),
        (["--start", "-5."], -5),
        (["--start", "-0x10"], -16),
        (["--start", "-2*pi"], -2 * np.pi),
        (["--start=-2*pi"], -2 * np.pi),
        (["--start", "-1_000"], -1000),
        (["--start", "+3"], 3),
        (["--start", "-inf/inf + 1"], None),
    ],
    ids=str,
)
def test_negative_numbers_in_every_form(
    here: Path, capsys: pytest.CaptureFixture[str], start: list[str], value: float | None
):
    arguments = ["x", *start, "--stop", "10", "--num", "3", "--dtype", "float64"]
    if value is None:
        assert "start must be finite, not nan" in fail(capsys, "sweep", *arguments)[0]
    else:
        assert figures(capsys, *arguments)["start"] == value


@pytest.mark.parametrize(
    ("expression", "at_two"),
    [("-x**2", -4), ("-x", -2), ("--x", 2), ("-2*x", -4), ("-sin(x)*0 - 1", -1), ("- x", -2), ("-1e3*x", -2000),
     ("-pi*x/pi", -2), ("--x*2", 4), ("---x", -2), ("-(x)", -2), ("-3", -3), ("--2", 2), ("-x-pi+pi", -2)],
)  # fmt: skip
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_expressions_that_begin_with_a_minus(
    here: Path, capsys: pytest.CaptureFixture[str], expression: str, at_two: float, place: int
):
    arguments = [["--start", "-1"], ["--stop=2"], ["--num", "4"], ["--dtype", "float64"]]
    arguments.insert(place, [expression])
    found = figures(capsys, *(word for pair in arguments for word in pair))
    assert found["function"] == expression
    row = found["rows"]["f"]
    assert at_two == pytest.approx(row["maximum"] if row["maximum_at"] == 2 else row["minimum"])


def test_a_double_dash_ends_the_options(here: Path, capsys: pytest.CaptureFixture[str]):
    assert "--x" in succeed(capsys, "--start", "-1", "--stop", "2", "--num", "4", "--", "--x")


@pytest.mark.parametrize("num", ["1000", "1e3", "1_000", "1000.0", "+1000"])
def test_num_in_every_form(here: Path, capsys: pytest.CaptureFixture[str], num: str):
    assert figures(capsys, *CUBIC, "--num", num)["num"] == 1000


def test_json_holds_the_figures(here: Path, capsys: pytest.CaptureFixture[str]):
    found = figures(capsys, "log(x)", "--start", "-1", "--stop", "1", "--num", "101", "--out", "log.npy")
    assert found["rows"]["f"]["minimum"] == "-inf"
    assert found["rows"]["f"]["nan"] == 50
    # The slope 1/x changes its sign, though f is NaN on one side; it is infinite at 0, and -0.02 is the point before.
    assert found["sign_changes"]["at"] == [{"x": pytest.approx(-0.01), "rising": True}]
    assert found["out"] == "log.npy"
    assert found["plot"] is None
    assert {"device", "device_reason", "engine", "seconds", "points_per_second", "order", "dtype"} <= set(found)
    assert np.load("log.npy").dtype.names == ("x", "f", "d1")


def test_a_function_of_a_module(here: Path, capsys: pytest.CaptureFixture[str]):
    (here / "waves.py").write_text(
        textwrap.dedent(
            """
            import gradcu

            def wave(x):
                return gradcu.sin(x) * 3

            class Family:
                @staticmethod
                def member(x):
                    return x * 2

            number = 3

            def broken(x):
                raise ZeroDivisionError("oh\\nno")

            def total(x):
                return x.sum()

            def late(x):
                if x.detach().numpy().size > 61:
                    raise ValueError("late")
                return x
            """
        )
    )
    limits = ("--start", "0", "--stop", "1", "--num", "100")
    assert figures(capsys, "waves:wave", *limits)["function"] == "waves:wave"
    assert figures(capsys, "waves:Family.member", *limits)["rows"]["f"]["maximum"] == 2
    assert "waves:number is no function but int" in fail(capsys, "sweep", "waves:number", *limits)[0]
    assert "module 'waves' has no 'wove'" in fail(capsys, "sweep", "waves:wove", *limits)[0]
    assert fail(capsys, "sweep", "waves:broken", *limits, code=1) == [
        "gradcu: error: waves:broken raised ZeroDivisionError: oh no"
    ]
    assert "waves:total is not elementwise" in fail(capsys, "sweep", "waves:total", *limits)[0]
    late = fail(capsys, "sweep", "waves:late", *limits, "--out", "late.npz", code=1)
    assert late == ["gradcu: error: waves:late raised ValueError: late"]
    assert "late.npz" not in os.listdir(here)


def test_a_module_that_cannot_be_imported_is_one_line(here: Path, capsys: pytest.CaptureFixture[str]):
    (here / "halfway.py").write_text("import no_such_package\n")
    (here / "leaving.py").write_text("import sys\nsys.exit(3)\n")
    (here / "wrong.py").write_text("1 / 0\n")
    (here / "unparsable.py").write_text("def f(:\n")
    limits = ("--start", "0", "--stop", "1", "--num", "100")
    for name, part in (
        ("nowhere:f", "there is no module 'nowhere'"),
        ("nowhere.inside:f", "there is no module 'nowhere'"),
        ("halfway:f", "module 'halfway' cannot be imported: ModuleNotFoundError: No module named 'no_such_package'"),
        ("leaving:f", "module 'leaving' cannot be imported: SystemExit: 3"),
        ("wrong:f", "module 'wrong' cannot be imported: ZeroDivisionError: division by zero"),
        ("unparsable:f", "module 'unparsable' cannot be imported: SyntaxError"),
    ):
        (line,) = fail(capsys, "sweep", name, *limits)
        assert part in line


BAD = {
    "no command": ([], None),
    "unknown command": (["swoop"], "unknown command 'swoop'; there are: sweep, cache"),
    "no arguments": (["sweep"], "the following arguments are required: EXPRESSION"),
    "no start": (["sweep", "x", "--stop", "1", "--num", "3"], "the following arguments are required: --start"),
    "unknown option": (["sweep", *CUBIC, "--num", "3", "--shrink"], "unknown option --shrink"),
    "misspelt option": (["sweep", *CUBIC, "--nmu", "3"], "unknown option --nmu; did you mean --num?"),
    "two expressions": (["sweep", "x", *CUBIC, "--num", "3"], "stand A B N, the first point, the last, and how many"),
    "no quotes": (["sweep", "x", "-", "1", "--start", "0"], "not '- 1'; an expression with spaces in it needs quotes"),
    "four values": (["sweep", "x", "0", "1", "5", "2"], "how many, not '0 1 5 2'"),
    "a line twice": (["sweep", "x", "0", "1", "5", "--num", "5"], "'0 1 5' stands in place of --num; use one of them"),
    "values and a grid": (["sweep", "u", "0", "1", "5", "--grid", "u=0:1:5"], "--grid stands in place of --start"),
    "a value not a number": (["sweep", "x", "0", "x", "5"], "--stop must be a number, not 'x'"),
    "missing value": (["sweep", "x", "--start"], "--start needs a value"),
    "forgotten value": (["sweep", "x", "--start", "--stop", "5", "--num", "3"], "--start needs a value"),
    "start not a number": (
        ["sweep", "x", "--start", "abc", "--stop", "1", "--num", "3"],
        "--start: unknown name 'abc'",
    ),
    "start in x": (["sweep", "x", "--start", "x", "--stop", "1", "--num", "3"], "--start must be a number, not 'x'"),
    "start infinite": (
        ["sweep", "x", "--start", "-inf", "--stop", "1", "--num", "3"],
        "start must be finite, not -inf",
    ),
    "stop NaN": (["sweep", "x", "--start", "1", "--stop", "nan", "--num", "3"], "stop must be finite, not nan"),
    "stop beyond float32": (
        ["sweep", "x", "--start", "1", "--stop", "1e39", "--num", "3"],
        "beyond the range of float32",
    ),
    "num zero": (["sweep", *CUBIC, "--num", "0"], "--num must be a whole number, at least 1, not 0"),
    "num negative": (["sweep", *CUBIC, "--num", "-3"], "--num must be a whole number, at least 1, not -3"),
    "num fraction": (["sweep", *CUBIC, "--num", "1.5"], "--num must be a whole number, at least 1, not 1.5"),
    "num words": (["sweep", *CUBIC, "--num", "many"], "--num must be a whole number such as 1000 or 1e7, not 'many'"),
    "num infinite": (["sweep", *CUBIC, "--num", "inf"], "--num must be a whole number, at least 1, not inf"),
    "num beyond memory": (["sweep", *CUBIC, "--num", "1e15"], "num = 1e+15 needs 8 PB of memory"),
    "num beyond disk": (["sweep", *CUBIC, "--num", "1e15", "--out", "a.npz"], "num = 1e+15 needs 12 PB on disk"),
    "order negative": (["sweep", *CUBIC, "--num", "3", "--order", "-1"], "--order must be a whole number, at least 0"),
    "order fraction": (["sweep", *CUBIC, "--num", "3", "--order", "1.5"], "--order must be a whole number, at least 0"),
    "dtype": (["sweep", *CUBIC, "--num", "3", "--dtype", "int8"], "invalid choice: 'int8'"),
    "device": (["sweep", *CUBIC, "--num", "3", "--device", "tpu"], "Expected one of cpu, cuda, auto"),
    "out suffix": (
        ["sweep", *CUBIC, "--num", "3", "--out", "a.txt"],
        "'.txt' is not a known suffix; use .npz, .npy or .zarr",
    ),
    "out folder": (["sweep", *CUBIC, "--num", "3", "--out", "no/a.npz"], "no/a.npz cannot be written: No such file"),
    "resume nothing": (["sweep", *CUBIC, "--num", "3", "--resume"], "resume needs out to end in .npy or .zarr"),
    "resume npz": (["sweep", *CUBIC, "--num", "3", "--resume", "--out", "a.npz"], "a.npz appears once it is complete"),
    "reduce name": (
        ["sweep", *CUBIC, "--num", "3", "--reduce", "min,median"],
        "reduce: there is no 'median'; there are",
    ),
    "reduce empty": (["sweep", *CUBIC, "--num", "3", "--reduce", ""], "reduce: there is no ''"),
    "reduce options": (["sweep", *CUBIC, "--num", "3", "--reduce", "min=3"], "--reduce: 'min=3' is none of min, max"),
    "reduce bins": (["sweep", *CUBIC, "--num", "3", "--reduce", "histogram=0"], "--reduce: histogram must be a whole"),
    "reduce range": (
        ["sweep", *CUBIC, "--num", "3", "--reduce", "histogram=8:1:1"],
        "range of the histogram must be finite and go up",
    ),
    "reduce and out": (["sweep", *CUBIC, "--num", "3", "--reduce", "min", "--out", "a.npy"], "reduce keeps no rows"),
    "reduce and plot": (["sweep", *CUBIC, "--num", "3", "--reduce", "min", "--plot", "a.png"], "--plot needs the rows"),
    "engine": (["sweep", *CUBIC, "--num", "3", "--engine", "fortran"], "invalid choice: 'fortran'"),
    "chunk": (["sweep", *CUBIC, "--num", "3", "--chunk", "0"], "--chunk must be a whole number, at least 1, not 0"),
    "out a folder": (
        ["sweep", *CUBIC, "--num", "3", "--out", "no/a.zarr"],
        "no/a.zarr cannot be written: No such file",
    ),
    "plot suffix": (["sweep", *CUBIC, "--num", "3", "--plot", "a.gif"], "'.gif' is not a known suffix"),
    "plot folder": (["sweep", *CUBIC, "--num", "3", "--plot", "no/a.png"], "no/a.png cannot be written: No such file"),
    "empty": (["sweep", "", *CUBIC[1:], "--num", "3"], "the expression is empty"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_exit_code_2(here: Path, capsys: pytest.CaptureFixture[str], name: str):
    arguments, message = BAD[name]
    if message is None:
        assert main(arguments) == 2
        return
    lines = fail(capsys, *arguments)
    assert message in lines[0]
    # The line alone, or with the expression and a caret under it.
    assert len(lines) == (3 if name in ("start not a number", "empty") else 1)
    assert os.listdir(here) == []


@pytest.mark.parametrize(
    ("expression", "message", "carets"),
    [
        ("x + foo(x)", "unknown function 'foo'", "    ^^^   "),
        ("x +* 2", "syntax error", "   ^  "),
        ("x.__class__", "attribute access 'x.__class__' is not allowed", "^^^^^^^^^^^"),
        ("__import__('os')", "unknown function '__import__'", "^^^^^^^^^^"),
        ("sin(x, x)", "sin() takes 1 positional argument but 2 were given", "^^^^^^^^^"),
        ("x**2 +", "syntax error: the expression ends too early", "      ^"),
        ("(" * 5000 + "x" + ")" * 5000, "the expression has 10001 characters; at most 4096", None),
        ("(" * 2000 + "x" + ")" * 2000, "brackets are nested more than 100 deep", None),
    ],
)
def test_bad_expressions_have_a_caret(
    here: Path, capsys: pytest.CaptureFixture[str], expression: str, message: str, carets: str | None
):
    lines = fail(capsys, "sweep", expression, *CUBIC[1:], "--num", "3", "--out", "a.npz")
    assert lines[0].startswith(f"gradcu: error: {message}")
    assert len(lines) == 3
    if carets is not None:
        assert lines[1] == "    " + expression
        assert lines[2] == "    " + carets.rstrip()
    assert os.listdir(here) == []


def test_a_warning_is_one_line(here: Path, capsys: pytest.CaptureFixture[str]):
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert main(["sweep", "x", "--start", "1", "--stop", "1.000001", "--num", "1000"]) == 0
    error = capsys.readouterr().err
    assert error.startswith("gradcu: warning: neighbouring points are equal in float32")
    assert error.count("\n") == 1


def test_help_and_version(capsys: pytest.CaptureFixture[str]):
    for arguments in (["--version"], ["sweep", "--version"]):
        assert main(arguments) == 0
        assert capsys.readouterr().out == f"gradcu {gradcu.__version__}\n"
    for arguments in (["--help"], ["-h"]):
        assert main(arguments) == 0
        assert "gradcu sweep EXPRESSION --start A" in capsys.readouterr().out
    assert main(["sweep", "--help"]) == 0
    text = capsys.readouterr().out
    options = "--start --stop --num --order --dtype --device --engine --out --resume --reduce --chunk --plot --explain"
    for part in (*options.split(), "examples", "exit codes", "softplus", "MODULE:FUNCTION", "-2*pi"):
        assert part in text
    assert max(map(len, text.split("\n"))) <= 120


def test_a_grid_with_params_and_files(here: Path, capsys: pytest.CaptureFixture[str]):
    table = succeed(
        capsys, "sin(u) * v**2", "--grid", "u=0:pi:101", "--grid", "v=-2:2:51", "--order", "2", "--dtype", "float64",
        "--out", "maps.npz", "--plot", "maps.png",
    )  # fmt: skip
    for part in ("points    101 x 51, float64", "u         101 from 0 to 3.14159", "d_u_v", "at v"):
        assert part in table
    assert "wrote maps.npz (" in table
    with np.load("maps.npz") as saved:
        assert set(saved) == {"u", "v", "f", "d_u", "d_v", "d_u_u", "d_u_v", "d_v_v"}
        np.testing.assert_allclose(saved["d_u_v"], np.outer(np.cos(saved["u"]), 2 * saved["v"]), atol=1e-12)
    found = figures(capsys, "x * a + b", "--start", "0", "--stop", "1", "--num", "5", "--param", "a=1,-2*pi",
                    "--param", "b=0,1")  # fmt: skip
    assert found["shape"] == [2, 5]
    assert found["rows"]["f"]["minimum_at"] == {"x": 1, "a": pytest.approx(-2 * np.pi), "b": 1}


def test_what_cannot_be_drawn_is_refused_before_anything_is_computed(here: Path, capsys: pytest.CaptureFixture[str]):
    grid = ["--grid", "u=0:1:5", "--grid", "v=0:1:5"]
    options = ["--plot", "a.png", "--out", "a.npz"]
    (line,) = fail(capsys, "sweep", "u + v + w", *grid, "--grid", "w=0:1:5", *options)
    assert "a plot shows one or two variables, not u, v and w" in line
    (line,) = fail(capsys, "sweep", "u + v + a", *grid, "--param", "a=1,2", *options)
    assert "a plot shows params with one variable, not a with u and v" in line
    assert os.listdir(here) == []


def test_a_grid_is_reduced_and_explained(here: Path, capsys: pytest.CaptureFixture[str]):
    found = figures(capsys, "u * v", "--grid", "u=0:2:101", "--grid", "v=0:1:11", "--reduce", "integral,argmax",
                    "--dtype", "float64")  # fmt: skip
    assert found["rows"]["f"]["integral"] == pytest.approx(1, rel=1e-12)
    assert found["rows"]["f"]["argmax_x"] == {"u": 2, "v": 1}
    text = succeed(capsys, "u * v", "--grid", "u=0:2:1000", "--grid", "v=0:1:1000", "--explain", "--engine", "numpy")
    assert "rows      f and 2 derivatives, float32" in text
    assert "return t0, x1, x0" in text


def test_a_python_function_of_a_grid_by_the_names_of_its_parameters(here: Path, capsys: pytest.CaptureFixture[str]):
    (here / "planes.py").write_text("def tilted(v, u, a):\n    return u + 10 * v + 100 * a\n")
    found = figures(capsys, "planes:tilted", "--grid", "u=0:1:2", "--grid", "v=0:2:2", "--param", "a=5")
    assert found["rows"]["f"]["maximum"] == 521
    (line,) = fail(capsys, "sweep", "planes:tilted", "--grid", "u=0:1:2", "--grid", "v=0:2:2")
    assert "planes:tilted(v, u, a) does not take the variables u and v: missing a required argument: 'a'" in line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["u", "--grid", "u=0:1"], "--grid u must be u=START:STOP:NUM, not u=0:1"),
        (["u", "--grid", "0:1:5"], "--grid must be such as u=0:1:1000, not '0:1:5'"),
        (["u", "--grid", "u=0:1:5", "--grid", "u=0:1:5"], "--grid u is given twice"),
        (["u", "--grid", "u=0:1:0"], "--grid u: NUM must be a whole number, at least 1, not 0"),
        (["u", "--grid", "u=0:v:5"], "--grid u: unknown name 'v'"),
        (["u", "--grid", "u=0:1:5", "--num", "5"], "--grid stands in place of --num; use one of them"),
        (["u * w", "--grid", "u=0:1:5", "--grid", "v=0:1:5"], "unknown name 'w'; the variables are u, v"),
        (["e * u", "--grid", "e=0:1:5"], "a variable can't be called 'e', which is a constant"),
        (["x", "--start", "0", "--stop", "1", "--num", "5", "--param", "a="], "--param a: the expression is empty"),
        (["f", "--grid", "f=0:1:5"], "'f' would be the name of a row of results and of a variable"),
    ],
)
def test_wrong_grids_are_named(here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str):
    assert message in "\n".join(fail(capsys, "sweep", *arguments))
    assert os.listdir(here) == []


def test_examples_in_the_help_work(here: Path, capsys: pytest.CaptureFixture[str]):
    import shlex

    (here / "mymodule.py").write_text("def potential(x):\n    return x**2 / 2\n")
    main(["sweep", "--help"])
    examples = re.findall(r"^  (gradcu sweep .*)$", capsys.readouterr().out, flags=re.MULTILINE)
    assert len(examples) >= 4
    for example in examples:
        words = shlex.split(example)[1:]
        if "--num" in words:
            words[words.index("--num") + 1] = "1001"
        assert main(words) == 0
        capsys.readouterr()


def test_without_matplotlib_nothing_is_computed(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    (line,) = fail(capsys, "sweep", *CUBIC, "--num", "3", "--plot", "a.png", "--out", "a.npz")
    assert 'pip install "gradcu[plot]"' in line
    assert os.listdir(here) == []


def test_a_reader_that_leaves_early_is_no_disaster(here: Path, root: Path):
    process = subprocess.Popen(
        [sys.executable, "-m", "gradcu", "sweep", *CUBIC, "--num", "1000"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(root)},
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 1
    assert error == b""


@pytest.mark.parametrize("arguments", [["--help"], ["sweep", *CUBIC, "--num", "10"]], ids=["help", "sweep"])
def test_output_that_cannot_be_written_is_one_line(root: Path, arguments: list[str]):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full, a file on a full disk")
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "gradcu", *arguments], stdout=full, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": str(root)},
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "gradcu: error: the output cannot be written: No space left on device\n"
