"""How genre is asked of a latent space: from pieces to a guess, and who learns from what."""
