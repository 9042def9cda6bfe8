"""Genre recognition: protocol, classifiers and scores."""
