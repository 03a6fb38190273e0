"""PixMus composes a soundtrack for a video with a diffusion model that follows the picture."""

import os

# How OpenMP's threads wait is read once, when torch loads it: threads that spin for the next piece
# of work take the processor from those that have some, so they sleep.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "0")
