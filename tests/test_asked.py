"""The programs of docs/asked-for.md: what its users asked of os, as they would write it."""

import json
import os
import re
import signal
import sys
import threading
from pathlib import Path

import pytest

import ostler

PAGE = Path(__file__).parent.parent / "docs" / "asked-for.md"


def test_an_editor_saves_settings(folder):
    (folder / "settings.json").write_text("{}")
    os.chmod("settings.json", 0o640)
    ostler.write_atomic("settings.json", '{"colour": "red"}')
    with ostler.replacing("settings.json") as file:
        json.dump({"colour": "blue"}, file)
    assert json.loads((folder / "settings.json").read_text()) == {"colour": "blue"}
    assert os.stat("settings.json").st_mode & 0o777 == 0o640
    with pytest.raises(TypeError), ostler.replacing("settings.json") as file:
        json.dump({"colour": object()}, file)
    assert json.loads((folder / "settings.json").read_text()) == {"colour": "blue"}
    assert os.listdir() == ["settings.json"]


def test_a_deployment_switches_releases(folder):
    for name in ("current", "next"):
        (folder / name).mkdir()
        (folder / name / "version").write_text(name)
    ostler.exchange("current", "next")
    assert (folder / "current" / "version").read_text() == "next"
    with pytest.raises(FileExistsError):
        ostler.rename_noreplace("next", "current")
    ostler.move("next", "old")
    assert sorted(os.listdir()) == ["current", "old"]


def test_many_workers_claim_one_job_each(folder):
    for i in range(20):
        (folder / f"worker{i}").write_text("")
    won = []

    def claim(i):
        try:
            ostler.rename_noreplace(f"worker{i}", "lock")
            won.append(i)
        except FileExistsError:
            pass

    threads = [threading.Thread(target=claim, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_a_judge_runs_a_submission(folder):
    (folder / "good.py").write_text("print(int(input()) * 2)")
    (folder / "slow.py").write_text("print('so far', flush=True)\nwhile True: pass")
    (folder / "bad.py").write_text("import sys; sys.exit('no idea')")
    result = ostler.run([sys.executable, "good.py"], input="21\n", capture=True, timeout=60)
    assert result.ok and int(result.stdout) == 42
    assert result.peak_memory > 1 << 20 and result.wall > 0
    with pytest.raises(ostler.CommandTimeout) as caught:
        ostler.run([sys.executable, "slow.py"], capture=True, timeout=1.5)
    assert caught.value.result.signal == signal.SIGKILL
    with pytest.raises(ostler.CommandFailed, match="no idea"):
        ostler.run([sys.executable, "bad.py"], capture=True, check=True)


def test_a_supervisor_stops_a_service(folder):
    pid = ostler.spawnvp(ostler.P_NOWAIT, "sleep", ["sleep", "60"])
    with ostler.process(pid) as service:
        assert service.info().parent == os.getpid()
        assert not service.poll()
        service.signal(signal.SIGTERM)
        assert service.wait(30) == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        ostler.wait_for(pid)


def test_a_server_sizes_its_pools():
    assert 1 <= ostler.available_cpus() <= os.cpu_count()
    memory = ostler.memory()
    assert 0 < memory.limit <= memory.total
    assert "/" in [mount.point for mount in ostler.mounts()]
    assert ostler.uptime() > 0


def test_an_installer_sets_permissions(folder):
    os.makedirs("site/bin")
    for name, mode in (("site/page", 0o666), ("site/bin/tool", 0o777)):
        (folder / name).write_text("")
        os.chmod(name, mode)
    os.symlink("/etc/passwd", "site/link")
    before = os.stat("/etc/passwd").st_mode
    ostler.chmod_tree("site", "u+rwX,go-w")
    assert os.stat("site/page").st_mode & 0o777 == 0o644
    assert os.stat("site/bin/tool").st_mode & 0o777 == 0o755
    assert os.stat("/etc/passwd").st_mode == before
    ostler.chown_tree("site", ostler.owner("site").user or os.getuid())
    assert ostler.owner("site/page").uid == os.getuid()


def test_a_backup_lists_what_it_will_take(folder):
    os.makedirs("project/.git/objects")
    (folder / "project" / ".git" / "objects" / "pack").write_text("x" * 1000)
    (folder / "project" / "code.py").write_text("x" * 10)
    total = 0
    for entry in ostler.walk_entries("project"):
        if entry.name == ".git":
            entry.descend = False
        if entry.is_file():
            total += entry.size
    assert total == 10
    assert [entry.name for entry in ostler.iter_dir("project/.git")] == ["objects"]
    with pytest.raises(FileNotFoundError):
        list(ostler.walk_entries("missing"))


def test_secrets_get_private_directories(folder):
    old = os.umask(0o022)
    try:
        ostler.makedirs("a/b/c", 0o700, parent_mode=0o700)
    finally:
        os.umask(old)
    assert [os.stat(path).st_mode & 0o777 for path in ("a", "a/b", "a/b/c")] == [0o700] * 3


def test_a_build_works_in_a_temporary_directory(folder):
    (folder / "precious").mkdir()
    (folder / "precious" / "file").write_text("keep")
    with ostler.temporary_directory(dir=folder) as path:
        os.symlink(folder / "precious", f"{path}/link")
        Path(path, "output").write_text("x")
    assert sorted(os.listdir()) == ["precious"]
    assert (folder / "precious" / "file").read_text() == "keep"


def test_a_tool_is_run_in_another_language(folder):
    with ostler.environ.overlay(LANG="C", OSTLER_ASKED="yes"):
        assert ostler.run(["sh", "-c", "echo $OSTLER_ASKED"], capture=True).stdout == b"yes\n"
    assert "OSTLER_ASKED" not in ostler.environ


def test_an_application_reads_its_env_file(folder):
    pytest.importorskip("dotenv")
    (folder / ".env").write_text("OSTLER_MODE=test\n")
    with ostler.environ.overlay(ostler.read_env()):
        assert ostler.popen("echo $OSTLER_MODE").read() == "test\n"


def test_a_sync_client_tells_deleted_from_unreadable(folder):
    (folder / "here").write_text("")
    found = {}
    for path in ("here", "gone", "here/below"):
        match ostler.probe(path):
            case ostler.Presence.THERE:
                found[path] = "upload"
            case ostler.Presence.ABSENT:
                found[path] = "delete"
            case ostler.Presence.UNKNOWN:
                found[path] = "leave"
    assert found == {"here": "upload", "gone": "delete", "here/below": "delete"}
    assert ostler.isfile("here", errors="raise") and not ostler.isdir("gone", errors="raise")


def test_an_archive_keeps_birth_times(folder):
    (folder / "f").write_text("x")
    found = ostler.statx("f", ostler.STATX_BASIC_STATS | ostler.STATX_BTIME)
    assert found.stx_size == 1
    assert found.stx_btime is None or found.stx_btime <= found.stx_mtime + 1
    assert found.attributes <= found.attributes_known


def test_the_page_names_only_what_is_there():
    text = PAGE.read_text()
    names = set(re.findall(r"\bostler\.(\w+)", text)) - {"host"}
    assert [name for name in sorted(names) if not hasattr(ostler, name)] == []
    assert len(names) > 30


def test_none_of_it_is_exported_as_os():
    for name in (
        "run",
        "process",
        "exists",
        "iter_dir",
        "write_atomic",
        "create_file",
        "probe",
        "chmod_tree",
    ):
        assert name not in ostler.__all__ and hasattr(ostler.host, name)
