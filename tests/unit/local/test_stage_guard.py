"""Stage mounts of the process runtime: what the real ones refuse is refused, and only there (SPCS reference 3.3)."""

from __future__ import annotations

import errno
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_raydp_spcs.local.runtimes import keeper, stage_guard

# Every attempt starts from a file "old" with three bytes in it.
REFUSED = {
    "append": "open('old', 'a')",
    "append to a new file": "open('new', 'a')",
    "append by an absolute path": "open(os.getcwd() + '/old', 'ab')",
    "append by a way round": "open('../' + os.path.basename(os.getcwd()) + '/old', 'a')",
    "append by a link from elsewhere": "(os.symlink(os.getcwd(), link), open(link + '/old', 'a'))",
    "change in place": "open('old', 'r+')",
    "write over": "os.open('old', os.O_WRONLY)",
    "write at a position": "os.pwrite(os.open('new', os.O_WRONLY | os.O_CREAT | os.O_TRUNC), b'x', 7)",
    "write pieces at a position": "os.pwritev(os.open('new', os.O_WRONLY | os.O_CREAT | os.O_TRUNC), [b'x'], 7)",
    "cut": "os.truncate('old', 1)",
    "cut an open file": "os.ftruncate(os.open('new', os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 9)",
    "symbolic link": "os.symlink('/etc/passwd', 'new')",
    "hard link": "os.link('old', 'new')",
    "hard link from elsewhere": "(open(link, 'w'), os.link(link, 'new'))",
    "shell": "subprocess.run('echo x >> old || exit 95', shell=True, check=True, stderr=subprocess.DEVNULL)",
}
ALLOWED = {
    "whole file": "open('new', 'w').write('x')",
    "whole file once": "open('new', 'x').write('x')",
    "the same file again": "open('old', 'w').write('xy')",
    "read": "open('old').read()",
    "one piece after the other": "os.pwrite(os.open('new', os.O_WRONLY | os.O_CREAT | os.O_TRUNC), b'x', 0)",
    "copy": "shutil.copyfile('old', 'new')",
    "rename": "os.replace('old', 'new')",
    "remove": "os.remove('old')",
    "folders": "os.makedirs('a/b')",
    "commands": "subprocess.run('echo x > new; cat old; cp old newer; mv newer newest', shell=True, check=True)",
    "python": "subprocess.run([sys.executable, '-c', 'print(1)'], check=True)",
}
SCRIPT = """
import os, shutil, subprocess, sys
link = sys.argv[1]
try:
    {attempt}
except OSError as error:
    sys.exit(error.errno)
except subprocess.CalledProcessError as error:
    sys.exit(error.returncode)
"""


def attempt(text: str, folder: Path, stage: Path, link: Path, how: str = "--stage") -> int:
    folder.mkdir(exist_ok=True)
    (folder / "old").write_bytes(b"old")
    script = SCRIPT.format(attempt=text)
    command = [keeper.__file__, how, str(stage), sys.executable, "-c", script, str(link)]
    with subprocess.Popen(
        [sys.executable, "-S", "-E", *command], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=folder
    ) as kept:
        return kept.wait(timeout=60)


@pytest.mark.parametrize("what", REFUSED)
def test_a_stage_refuses(what: str, tmp_path: Path) -> None:
    stage = tmp_path / "stage"
    stage.mkdir()
    assert attempt(REFUSED[what], stage, stage, tmp_path / "link") == errno.EOPNOTSUPP
    assert (stage / "old").read_bytes() == b"old"
    assert not (stage / "new").exists() or (stage / "new").stat().st_size == 0


@pytest.mark.parametrize("what", REFUSED)
def test_other_folders_take_everything(what: str, tmp_path: Path) -> None:
    stage = tmp_path / "stage"
    stage.mkdir()
    # A name that begins as the stage's is another folder.
    assert attempt(REFUSED[what], tmp_path / "stage-not", stage, tmp_path / "link") == 0


@pytest.mark.parametrize("what", ALLOWED)
def test_a_stage_takes(what: str, tmp_path: Path) -> None:
    stage = tmp_path / "stage"
    stage.mkdir()
    assert attempt(ALLOWED[what], stage, stage, tmp_path / "link") == 0


CHANGES = [each for each in ALLOWED if each not in ("read", "commands", "python")]


@pytest.mark.parametrize("what", [*CHANGES, *REFUSED])
def test_a_stage_that_may_only_be_read_is_not_changed(what: str, tmp_path: Path) -> None:
    stage = tmp_path / "stage"
    stage.mkdir()
    text = {**REFUSED, **ALLOWED}[what]
    code = attempt(text, stage, stage, tmp_path / "link", "--read-only")
    assert code == (95 if what == "shell" else errno.EROFS)
    assert [path.name for path in stage.iterdir()] == ["old"]
    assert (stage / "old").read_bytes() == b"old"


@pytest.mark.parametrize("what", ["read", "python"])
def test_a_stage_that_may_only_be_read_is_read(what: str, tmp_path: Path) -> None:
    stage = tmp_path / "stage"
    stage.mkdir()
    assert attempt(ALLOWED[what], stage, stage, tmp_path / "link", "--read-only") == 0
    assert attempt(ALLOWED["folders"], tmp_path, stage, tmp_path / "link", "--read-only") == 0


def test_a_machine_without_a_filter_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "abacus")
    with pytest.raises(OSError, match="no filter for abacus"):
        stage_guard.StageGuard([str(tmp_path)])
