"""Images: decoding, likelihoods of pixels, distances between sets, paths in a latent space."""
