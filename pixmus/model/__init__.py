"""The diffusion model: the network of plans, the network of voices, their folder."""
