"""Deep clustering of music without labels, and how well its clusters agree with genres."""
