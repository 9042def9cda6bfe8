"""Built pages on their way to the reader: what each gets after Sphinx has made it."""
