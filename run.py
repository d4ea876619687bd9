"""Set up an environment of its own and run the example or the tests in it.

Needs only Python 3.11 or later and pip::

    python3 run.py example
    python3 run.py tests

The environment is the folder ``.venv``, or the one that the variable ``SKLEARN_RNN_VENV`` names.
It is made when it is missing and brought up to date when it is there. Words after ``tests`` go to
pytest: ``python3 run.py tests -k datasets``.
"""

import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = Path(os.environ.get("SKLEARN_RNN_VENV", ROOT / ".venv")).absolute()
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
TASKS = {
    "example": ("examples", ["examples/plot_japanese_vowels.py"]),
    "tests": ("test", ["-m", "pytest"]),
}


def install(*what):
    """Install into the environment, at the tested versions."""
    # pip works on the environment from outside, so that no pip has to be put into it.
    pip = [sys.executable, "-m", "pip", "--python", str(PYTHON), "install", "--quiet"]
    subprocess.run([*pip, "--constraint", "constraints.txt", *what], cwd=ROOT, check=True)


def main(arguments):
    """Run the task that the first argument names; return its exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036 (said here before pip fetches anything)
        return f"sklearn_rnn needs Python 3.11 or later. This is {sys.version.split()[0]}."
    if not arguments or arguments[0] not in TASKS:
        return __doc__
    extra, command = TASKS[arguments[0]]
    print(f"Setting up {VENV} (the first time takes a few minutes)", flush=True)
    if not PYTHON.exists():
        venv.create(VENV, symlinks=os.name != "nt", with_pip=False)
    # PyTorch first and alone: the pin then decides its build before anything else asks for it.
    install("torch")
    install("--editable", f".[{extra}]")
    return subprocess.run([PYTHON, *command, *arguments[1:]], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as error:
        sys.exit(f"This command failed: {' '.join(map(str, error.cmd))}")
