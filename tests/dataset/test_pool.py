"""Pool: an item that comes to harm is lost alone, and no process stays behind."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from pixmus.dataset.pool import Lost, Pool
from pixmus.errors import PixMusError


def misbehave(items: Sequence[str], beat: Callable[[], object]) -> Iterator[tuple[str, str]]:
    """Do what the items say."""
    for what in items:
        if what == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if what == "hang":
            time.sleep(60)
        if what == "work long":
            for _ in range(16):
                time.sleep(0.2)
                beat()
        if what == "swell":
            yield what, "x" * (8 << 30)
        if what == "fail":
            raise ValueError("no such thing")
        if what == "refuse":
            raise PixMusError("it is no picture")
        if what != "forget":
            yield what, what.upper()


def test_what_comes_to_harm_is_lost_alone() -> None:
    names = ("a", "die", "b", "hang", "c", "fail", "swell", "refuse", "forget", "work long")
    with Pool(misbehave, 2) as pool:
        ended = dict(pool.run(([name], 2.0) for name in names))
    assert set(ended) == set(names)
    assert {name: result for name, result in ended.items() if not isinstance(result, Lost)} == {
        "a": "A", "b": "B", "c": "C", "work long": "WORK LONG",
    }  # fmt: skip
    assert "exit code -9" in ended["die"].reason
    assert ended["hang"].reason == "nothing came of it for 2 s"
    assert ended["fail"].reason == "ValueError: no such thing"
    assert ended["swell"].reason == "it takes more memory than it may"
    assert ended["refuse"].reason == "it is no picture"
    assert ended["forget"].reason == "nothing was made of it"


def test_what_a_job_had_left_is_done_item_by_item() -> None:
    with Pool(misbehave) as pool:
        ended = list(pool.run([(["a", "die", "b", "c"], 20.0), (["d"], 20.0)]))
    assert sorted(name for name, _ in ended) == ["a", "b", "c", "d", "die"]
    assert [name for name, result in ended if isinstance(result, Lost)] == ["die"]


def test_processes_live_on_between_jobs_and_end_with_the_pool() -> None:
    with Pool(own_process) as pool:
        processes = {process for _, process in pool.run([([n], 20.0) for n in range(3)])}
        (process,) = processes
        assert list(pool.run([([3], 20.0)])) == [(3, process)]
        assert os.path.exists(f"/proc/{process}")
    assert not os.path.exists(f"/proc/{process}")


def test_a_run_that_is_left_leaves_nothing_behind() -> None:
    with Pool(misbehave) as pool:
        results = pool.run([(["a", "hang"], 20.0)])
        assert next(results) == ("a", "A")
        results.close()
        assert list(pool.run([(["b"], 20.0)])) == [("b", "B")]


def own_process(items: Sequence[int], beat: Callable[[], object]) -> Iterator[tuple[int, int]]:
    for item in items:
        yield item, os.getpid()


class Unreadable:
    """Work that no process can read."""

    def __call__(self, *_: object) -> Iterator[tuple[str, str]]:
        raise AssertionError

    def __reduce__(self) -> tuple[Callable[..., object], tuple[int]]:
        return os._exit, (3,)


def test_processes_that_do_not_start_end_the_run() -> None:
    with Pool(Unreadable()) as pool, pytest.raises(PixMusError, match=r"did not start.*code 3"):
        list(pool.run([(["a"], 20.0)]))
