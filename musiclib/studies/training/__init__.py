"""What the chapter on training computes: histories of all models, and how repeatable they are."""
