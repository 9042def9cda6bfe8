"""What the chapter on Fourier computes: what the filters of the time-domain autoencoder became."""
