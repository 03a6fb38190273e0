"""`FrameFilter`: filters of FFmpeg that frames are sent through one by one."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from itertools import pairwise

import av
from av.filter import Graph
from av.video.frame import VideoFrame

CLOCK = Fraction(1, 1000)  # of frames inside, which are numbered


class FrameFilter:
    """One or more filters in a row, begun anew where the frames change their size or format."""

    def __init__(self, *filters: tuple[str, dict[str, str]]) -> None:
        self._filters = filters
        self._graph: Graph | None = None
        self._kind: tuple[object, ...] = ()
        self._count = 0

    def push(self, frame: VideoFrame | None, most: int = -1) -> list[VideoFrame]:
        """Give a frame, None in the end; returns those that are done.

        Filters of which is known how many frames they return are not asked for more than `most`.
        """
        found: list[VideoFrame] = []
        kind = () if frame is None else (frame.format.name, frame.width, frame.height)
        if kind != self._kind:
            if self._graph is not None:
                self._graph.push(None)
                found += self._pull(self._graph)
            self._graph, self._kind = (None if frame is None else self._begun(frame)), kind
        if frame is not None and self._graph is not None:
            frame.pts, frame.time_base = self._count, CLOCK
            self._count += 1
            self._graph.push(frame)
            found += self._pull(self._graph, most)
        return found

    def _begun(self, frame: VideoFrame) -> Graph:
        graph = Graph()
        source = graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=CLOCK,
        )
        nodes = [graph.add(name, **options) for name, options in self._filters]
        for one, other in pairwise([source, *nodes, graph.add("buffersink")]):
            one.link_to(other)
        graph.configure()
        return graph

    def _pull(self, graph: Graph, most: int = -1) -> list[VideoFrame]:
        found: list[VideoFrame] = []
        with suppress(av.error.BlockingIOError, av.error.EOFError):
            while len(found) != most:
                frame = graph.pull()
                assert isinstance(frame, VideoFrame)
                found.append(frame)
        return found
