"""The diffusion model: network, chains, its folder."""
