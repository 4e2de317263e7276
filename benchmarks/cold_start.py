"""Cold starts of every cloud's handler, its floor and its peer, interleaved in one run."""

from __future__ import annotations

import compileall
import io
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import closure
from clouds import DEFAULT, QUESTION, STATELESS, Cloud
from measure import Result, Subject, interleaved
from stub import ANSWER, Endpoints, serve

PROGRAMS: Final = Path(__file__).parent / "programs"

# No site-packages and no user's settings: what a program imports it brings along.
_PYTHON: Final = (sys.executable, "-I", "-S")

# The zip holds no bytecode, and a function's disk is read-only: every cold start may have to compile it.
# Against a peer like is compared with like: both with bytecode.
FLOOR: Final = "floor: one bare call"
DEPLOYED: Final = "handler as deployed"
STATEFUL: Final = "handler, sessions, budgets"
COMPILED: Final = "handler with bytecode"
SECURE: Final = "handler, bytecode, TLS"


def cold_starts(
    clouds: Sequence[Cloud], archives: Mapping[str, bytes], rounds: int
) -> dict[str, dict[str, Result]]:
    """Cloud -> subject -> times. `archives` are the zips of the clouds.

    The first round, which does not count, writes the peers' bytecode where Python keeps it. Raises
    `FailedError` when a subject gives no answer.
    """
    with tempfile.TemporaryDirectory() as folder, serve() as at:
        every = [
            subject
            for cloud in clouds
            for subject in subjects(cloud, archives[cloud.name], Path(folder, cloud.name), at)
        ]
        results = interleaved(every, rounds)
    return {
        cloud.name: {
            name.removeprefix(_title(cloud)): result
            for name, result in results.items()
            if name.startswith(_title(cloud))
        }
        for cloud in clouds
    }


def peer_name(cloud: Cloud) -> str:
    """The peer as a subject."""
    return f"{cloud.peer.distribution} with bytecode"


def subjects(cloud: Cloud, archive: bytes, folder: Path, at: Endpoints) -> list[Subject]:
    """All that is measured of one cloud; `folder` is filled with what they import."""
    plain, compiled = _unpacked(archive, folder / "plain"), _unpacked(archive, folder / "compiled")
    compileall.compile_dir(compiled, quiet=2)
    site = closure.link(cloud.peer.distribution, folder / "peer")
    stateless, stateful = cloud.environment(STATELESS, at), cloud.environment(DEFAULT, at)
    program = f"{cloud.name}.py"
    floor = (at.model.removeprefix("http://"), cloud.floor.path, cloud.floor.body, *cloud.floor.keys)
    started = {
        FLOOR: (_program("floor.py", *floor), {}),
        DEPLOYED: (_program(program, str(plain), QUESTION), stateless),
        STATEFUL: (_program(program, str(plain), QUESTION), stateful),
        COMPILED: (_program(program, str(compiled), QUESTION), stateless),
        SECURE: (
            _program("with_tls.py", str(PROGRAMS / program), str(compiled), QUESTION),
            stateless,
        ),
        peer_name(cloud): (
            _program(f"{cloud.peer.program}.py", str(site), QUESTION, keeps_bytecode=True),
            cloud.peer.environment(at),
        ),
    }
    return [
        Subject(name=_title(cloud) + name, command=command, env={"LANG": "C.UTF-8", **env}, expect=ANSWER)
        for name, (command, env) in started.items()
    ]


def _program(name: str, *arguments: str, keeps_bytecode: bool = False) -> tuple[str, ...]:
    return (*_PYTHON, *(() if keeps_bytecode else ("-B",)), str(PROGRAMS / name), *arguments)


def _title(cloud: Cloud) -> str:
    return f"{cloud.title}: "


def _unpacked(archive: bytes, into: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(archive)) as content:
        content.extractall(into)
    return into
