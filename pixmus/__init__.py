"""PixMus composes a soundtrack for a video with a diffusion model that follows the picture."""
