"""What the latent space knows of music, and how it is laid out."""
