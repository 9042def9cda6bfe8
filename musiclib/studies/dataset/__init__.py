"""What the data set chapter counts and measures: provenance, descriptors, and genre by both."""
