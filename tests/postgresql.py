"""A PostgreSQL server of one's own, started from Debian's package and gone at the end."""

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg

# The shell's input ends with pytest, however pytest ends, and then the server does too.
SERVE = 'exec 3<&0; "$0" "$@" </dev/null & server=$!; (cat <&3; kill -QUIT $server) & wait $server'


def find_programs(debian="/usr/lib/postgresql"):
    """Return the folder of ``initdb`` and ``postgres``, which Debian keeps out of PATH."""
    in_path = shutil.which("initdb")
    if in_path is not None:
        return Path(in_path).resolve().parent
    versions = sorted(Path(debian).glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if not versions:
        raise FileNotFoundError(
            "This test starts a PostgreSQL server, but 'initdb' is neither in PATH nor in "
            f"{debian}/*/bin. Install Debian's package: apt-get install postgresql"
        )
    return versions[-1].parent


def wait_until_ready(address, server, log):
    """Return when the server takes connections."""
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            psycopg.connect(address).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()}")


@contextmanager
def running_postgresql():
    """Yield the URL of an empty database for ``optuna.storages.RDBStorage``.

    The server is reached by a socket in a folder of its own, so that no port is taken.
    """
    programs = find_programs()
    # PostgreSQL refuses to run as root; the package makes a user for it.
    other = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="postgresql") as folder:
        if other:
            shutil.chown(folder, **other)
        data, log = Path(folder, "data"), Path(folder, "log")
        owner = ["--username=optuna", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        subprocess.run(
            [programs / "initdb", data, *owner],
            check=True,
            capture_output=True,
            cwd=folder,
            **other,
        )
        options = ["-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"]
        with log.open("w") as output:
            server = subprocess.Popen(
                ["sh", "-c", SERVE, programs / "postgres", *options],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=folder,
                **other,
            )
        try:
            wait_until_ready(f"host={folder} user=optuna dbname=postgres", server, log)
            yield f"postgresql+psycopg://optuna@/postgres?host={folder}"
        finally:
            server.stdin.close()
            server.wait()
