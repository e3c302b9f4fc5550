"""Images: decoding, pixel likelihoods, distances between sets of images, latent interpolation."""
