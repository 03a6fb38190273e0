"""Workers: a job that comes to harm is lost alone, and no process stays behind."""

import os
import signal
import time

from pixmus.dataset.workers import Lost, time_limit, work_apart
from pixmus.page.decoding import FIRST_LIMIT_S


def misbehave(what: str) -> str:
    """Do what the job says."""
    if what == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "hang":
        time.sleep(60)
    if what == "swell":
        return "x" * (8 << 30)
    if what == "fail":
        raise ValueError("no such thing")
    return what.upper()


def test_a_worker_that_comes_to_harm_loses_one_job() -> None:
    jobs = [(what, 1.0) for what in ("a", "die", "b", "hang", "c", "fail", "swell", "d")]
    ended = dict(work_apart(misbehave, jobs, 2))
    assert {job: result for job, result in ended.items() if not isinstance(result, Lost)} == {
        "a": "A", "b": "B", "c": "C", "d": "D",
    }  # fmt: skip
    assert "exit code -9" in ended["die"].reason
    assert ended["hang"].reason == "it took longer than 1 s"
    assert ended["fail"].reason == "ValueError: no such thing"
    assert ended["swell"].reason == "it takes more memory than it may"


def test_the_workers_end_with_the_iterator() -> None:
    ended = work_apart(own_process, [(n, 5.0) for n in range(50)], 2)
    _, process = next(ended)
    assert os.path.exists(f"/proc/{process}")
    ended.close()
    assert not os.path.exists(f"/proc/{process}")


def own_process(_: int) -> int:
    return os.getpid()


def test_longer_media_may_take_longer() -> None:
    assert FIRST_LIMIT_S == time_limit(0.0) < time_limit(10.0) < time_limit(30.0)
