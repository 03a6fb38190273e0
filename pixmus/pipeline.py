"""Where `PixMusPipeline` was in version 0.1: programs written for it go on working."""

from pixmus.take.pipeline import PixMusPipeline as PixMusPipeline
