"""The PixMus thesis' own system: sound by latent diffusion; off unless a model of it is named"""
