"""The nursery: what it forks is as good as started, and nothing of one job gets into another or outlives it."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from airflow_provider_raydp_spcs.runtime.errors import SparkSizeError, WarmSessionError
from airflow_provider_raydp_spcs.runtime.warm import attaching, handing_over
from airflow_provider_raydp_spcs.runtime.warm.attaching import lease
from airflow_provider_raydp_spcs.runtime.warm.handing_over import NoNurseryError, hand_over, python_in_use
from airflow_provider_raydp_spcs.runtime.warm.nursery import Nursery
from airflow_provider_raydp_spcs.runtime.warm.places import FOLDER, nursery_socket
from airflow_provider_raydp_spcs.runtime.warm.room import make_room
from airflow_provider_raydp_spcs.runtime.warm.sessions import Sessions
from airflow_provider_raydp_spcs.runtime.warm.wire import Line

HAND_OVER = """
import sys; from pathlib import Path
from airflow_provider_raydp_spcs.runtime.warm.handing_over import end_like, hand_over
end_like(hand_over(Path(sys.argv[1]), sys.argv[2:]))
"""


def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


class World:
    """A nursery and its log."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder / "warm", folder / "log"
        self.log.touch()
        script = Path(__file__).with_name("fake_nursery.py")
        environment = {**os.environ, FOLDER: str(self.folder), "OF_NURSERY": "1"}
        self.process = subprocess.Popen([sys.executable, str(script), str(self.log)], env=environment)
        until(self._answers)

    def _answers(self) -> bool:
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as channel:
            return channel.connect_ex(str(nursery_socket(self.folder))) == 0

    def start(self, code: str, *words: str, **kwargs: Any) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HAND_OVER, self.folder, code, *words]
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, **{**pipe, **kwargs})

    def run(self, code: str, *words: str, **kwargs: Any) -> tuple[int, str]:
        job = self.start(code, *words, **kwargs)
        out, _ = job.communicate(timeout=60)
        return job.returncode, out

    def told(self, *words: str) -> int:
        return self.log.read_text().splitlines().count(" ".join(words))

    def lease(self, job: str, said: list[str] | None = None, timeout: float = 30, **configs: str) -> Any:
        sessions = Sessions(1, None, None, 1.0, configs)
        return lease(self.folder, sessions, job, timeout, (said if said is not None else []).append)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.process.terminate()
    assert made.process.wait(30) == 0


def test_a_job_writes_where_its_own_process_would(world: World) -> None:
    code = (
        "import os, sys; print(*words); os.system('echo child'); sys.stderr.write('error\\n'); os.write(1, b'raw\\n')"
    )
    assert world.run(code, "one", "two") == (0, "one two\nchild\nerror\nraw\n")


@pytest.mark.parametrize(
    ("code", "end"),
    [
        ("raise SystemExit(7)", 7),
        ("raise ValueError('why')", 1),
        ("import os; os._exit(9)", 9),
        ("import os; os.abort()", -signal.SIGABRT),
        ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL),
        ("import threading; threading.Thread(target=lambda: None).start()", 0),
    ],
)
def test_the_end_of_a_job_is_that_of_its_own_process(world: World, code: str, end: int) -> None:
    found, out = world.run(code)
    assert found == end
    assert ("ValueError: why" in out) == (end == 1)
    assert world.run("print('next')") == (0, "next\n")


def test_each_job_has_its_own_surroundings(world: World, tmp_path: Path) -> None:
    show = (
        "import os, sys; print(os.environ.get('SECRET'), os.environ.get('OF_NURSERY'), os.getcwd(), oct(os.umask(0)))"
    )
    change = "import os; os.environ['SECRET'] = 'y'; os.chdir('/'); import json; json.mark = 1; " + show
    there = world.run(show, env={**os.environ, "SECRET": "x"}, cwd=tmp_path, umask=0o27)
    assert there == (0, f"x None {tmp_path} 0o27\n")
    assert world.run(change, cwd=tmp_path)[0] == 0
    assert world.run(show, cwd=tmp_path, umask=0o22) == (0, f"None None {tmp_path} 0o22\n")
    assert world.run("import json; print(hasattr(json, 'mark'))") == (0, "False\n")


def test_what_is_imported_beforehand_is_there_and_what_is_missing_is_told(world: World) -> None:
    assert world.run("import sys; print('wave' in sys.modules)") == (0, "True\n")
    assert world.told("say no_such_module cannot be imported beforehand: No module named 'no_such_module'") == 1


WAITING = """
import os, signal, subprocess, time
if words: signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "300"])
print(os.getpid(), child.pid, flush=True)
time.sleep(300)
"""


@pytest.mark.parametrize("words", [(), ("stubborn",)])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_job_ends_with_its_own_process_and_so_does_what_it_started(
    world: World, words: tuple[str, ...], number: int
) -> None:
    job = world.start(WAITING, *words)
    assert job.stdout is not None
    pids = list(map(int, job.stdout.readline().split()))
    job.send_signal(number)
    assert job.wait(30) in (-number, -signal.SIGKILL)
    until(lambda: not any(map(psutil.pid_exists, pids)))
    job.stdout.close()


def test_nothing_survives_the_nursery_and_jobs_say_so(world: World) -> None:
    job = world.start(WAITING)
    assert job.stdout is not None
    line, door = world.lease("job")
    keeper = door.port  # the fake's own
    pids = [int(job.stdout.readline().split()[0]), keeper]
    world.process.kill()
    assert job.wait(30) == -signal.SIGKILL
    assert "was killed with the nursery" in job.stdout.read()
    until(lambda: not any(map(psutil.pid_exists, pids)))
    line.close()
    world.process.wait(30)
    world.__init__(world.folder.parent)  # type: ignore[misc]
    assert world.run("print('again')") == (0, "again\n")


def test_many_jobs_side_by_side(world: World) -> None:
    code = "import time\nfor _ in range(20): print(words[0]); time.sleep(0.01)"
    jobs = [world.start(code, str(number)) for number in range(20)]
    outs = [job.communicate(timeout=60)[0] for job in jobs]
    assert outs == [f"{number}\n" * 20 for number in range(20)]


def test_another_python_is_refused_and_no_nursery_is_told(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoNurseryError, match="does not answer") as found:
        hand_over(tmp_path, ["print(1)"])
    assert not found.value.is_there
    monkeypatch.setattr(handing_over, "python_in_use", lambda: ["another", "python", "3"])
    with pytest.raises(NoNurseryError, match="another Python or other packages") as found:
        hand_over(world.folder, ["print(1)"])
    assert found.value.is_there


@pytest.mark.parametrize("noise", [b"", b"F", b"Fnonsense\n", b'F{"do": "keeper"}\n', b'F{"do": "job"}\n', b"F[1]\n"])
def test_nonsense_harms_nobody(world: World, noise: bytes) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as channel:
        channel.connect(str(nursery_socket(world.folder)))
        channel.sendall(noise)
    assert world.run("print('well')") == (0, "well\n")


def test_a_job_without_its_surroundings_is_no_second_nursery(world: World, tmp_path: Path) -> None:
    words = tmp_path / "words"
    with contextlib.closing(Line.to(nursery_socket(world.folder))) as line, words.open("w") as file:
        line.send_files([0, file.fileno(), file.fileno()])
        surroundings = {"environment": {}, "path": [], "folder": str(tmp_path / "gone"), "mask": 0o22}
        line.send(do="job", python=python_in_use(), words=["print('run')"], **surroundings)
        started, ended = line.receive(), line.receive()
    assert started is not None
    assert ended == {"code": 1}
    assert words.read_text().startswith("the job cannot have the surroundings of its own process: FileNotFoundError")
    assert "not understood" not in world.log.read_text()
    assert world.run("print('next')") == (0, "next\n")


def test_a_nursery_that_cannot_fork_can_still_be_told_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError(errno.EAGAIN, "too many processes")

    nursery = Nursery(tmp_path / "warm", print, lambda *words: None, print, [])
    monkeypatch.setattr(os, "fork", refuse)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    try:
        with pytest.raises(BlockingIOError):
            nursery._fork()
        assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        nursery._leave()


def test_only_the_user_comes_in(world: World) -> None:
    assert world.folder.stat().st_mode & 0o077 == 0
    assert nursery_socket(world.folder).stat().st_mode & 0o177 == 0


def test_jobs_of_a_kind_share_a_keeper_and_others_have_another(world: World) -> None:
    said: list[str] = []
    (first, one), (second, two), (third, three) = (
        world.lease("a", said, slow="0.5"),
        world.lease("b", said, slow="0.5"),
        world.lease("c", other="1"),
    )
    assert one.port == two.port != three.port
    assert said == ["Spark session: the warm session is being started, for this is the first job of its kind"]
    for line in (first, second, third):
        line.close()
    until(lambda: world.told("close", "a") == world.told("close", "b") == 1)
    until(lambda: world.told("tidy") >= 2)


def test_a_job_that_breaks_off_puts_the_session_in_doubt_until_it_is_tried(world: World) -> None:
    line, _ = world.lease("a")
    line.close()
    until(lambda: world.told("close", "a"))
    line, _ = world.lease("b")
    line.send(farewell=True)
    line.close()
    until(lambda: world.told("close", "b"))
    world.lease("c")[0].close()
    until(lambda: world.told("close", "c"))
    assert [word for word in world.log.read_text().split() if word in ("trust", "doubt")] == ["trust", "doubt", "trust"]


def test_a_session_is_not_tried_while_a_job_is_in_it_whose_tasks_the_trial_would_wait_for(world: World) -> None:
    busy, _ = world.lease("busy")
    world.lease("crashed")[0].close()
    until(lambda: world.told("close", "crashed"))
    late, _ = world.lease("late")
    assert world.told("doubt") == 0
    for line, job in ((busy, "busy"), (late, "late")):
        line.send(farewell=True)
        line.close()
        until(partial(world.told, "close", job))
    world.lease("alone")[0].close()
    assert world.told("doubt") == 1


def test_the_keeper_makes_what_raydp_needs_for_the_exchange_when_a_job_asks(world: World) -> None:
    line, _ = world.lease("a")
    line.send(master=True)
    assert line.receive() == {"master": True}
    assert world.told("master") == 1
    line.close()


def test_a_dead_session_is_replaced_and_told(world: World, tmp_path: Path) -> None:
    broken, said = tmp_path / "broken", list[str]()
    first, one = world.lease("a", broken=str(broken))
    broken.touch()
    second, two = world.lease("b", said, broken=str(broken))
    assert one.port != two.port
    assert said[0] == "The warm session is replaced: it is broken"
    assert first.receive() is None
    second.close()


def test_a_session_that_does_not_start_fails_every_job_that_waits(world: World) -> None:
    for job in "ab":
        with pytest.raises(SparkSizeError, match="it does not fit"):
            world.lease(job, too_large="1")


def test_a_worn_session_is_replaced_when_it_is_free(world: World) -> None:
    first, one = world.lease("a", worn="full")
    second, two = world.lease("b", worn="full")
    assert one.port == two.port
    first.close()
    until(lambda: world.told("close", "a"))
    assert psutil.pid_exists(one.port)
    second.close()
    until(lambda: not psutil.pid_exists(one.port))
    third, three = world.lease("c", worn="full")
    assert three.port != one.port
    third.close()


def test_an_idle_session_ends_and_the_next_job_has_a_new_one(world: World) -> None:
    line, door = world.lease("a", idle="0.5")
    time.sleep(1)
    assert psutil.pid_exists(door.port)
    line.close()
    until(lambda: not psutil.pid_exists(door.port))
    line, after = world.lease("b", idle="0.5")
    assert after.port != door.port
    line.close()


def test_room_is_made_by_sessions_without_a_job_only(world: World) -> None:
    (line, busy), (other, idle) = world.lease("a"), world.lease("b", other="1")
    other.close()
    until(lambda: world.told("close", "b"))

    def free() -> dict[str, float]:
        return {"CPU": 0.0 if psutil.pid_exists(idle.port) else 2.0, "worker": 1.0}

    make_room(2, 1.0, free, {FOLDER: str(world.folder)})
    assert not psutil.pid_exists(idle.port)
    assert psutil.pid_exists(busy.port)
    line.close()


def test_without_a_nursery_there_is_nothing_to_make_room_for(tmp_path: Path) -> None:
    asked: list[int] = []

    def free() -> dict[str, float]:
        asked.append(1)
        return {}

    make_room(2, 1.0, free, {})
    assert not asked
    make_room(2, 1.0, free, {FOLDER: str(tmp_path)})
    assert len(asked) == 1


def test_a_warm_session_that_cannot_be_had_is_told(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = Sessions(1, None, None, 1.0, {})
    with pytest.raises(WarmSessionError, match="no warm session can be had on this node"):
        lease(tmp_path, sessions, "job", 5, print)
    with pytest.raises(WarmSessionError, match=r"no warm session within 0\.2 s: none came up"):
        world.lease("job", timeout=0.2, slow="5")
    always = tmp_path / "always"
    monkeypatch.setattr(attaching, "REPLACEMENTS", 0)
    always.touch()
    with pytest.raises(WarmSessionError, match="replaced 1 times, last because it is broken"):
        world.lease("job", broken=str(always))


def test_settings_of_spark_sql_are_the_jobs_own_unless_spark_has_them_once() -> None:
    configs = {"spark.sql.shuffle.partitions": "3", "spark.sql.extensions": "a.B", "spark.task.cpus": "2"}
    sessions, own = Sessions.split(2, None, None, 0.5, configs)
    assert own == {"spark.sql.shuffle.partitions": "3"}
    assert sessions == Sessions(2, None, None, 0.5, {"spark.sql.extensions": "a.B", "spark.task.cpus": "2"})
    assert Sessions.from_json(sessions.to_json()) == sessions
    assert sessions.key != Sessions.split(2, None, None, 0.5, {})[0].key


def test_a_job_that_cannot_have_raydps_master_keeps_its_session(world: World) -> None:
    line, _ = world.lease("job", masterless="yes")
    with contextlib.closing(line):
        for _ in range(2):
            line.send(master=True)
            assert line.receive() == {"master": False}
        line.send(farewell=True)
