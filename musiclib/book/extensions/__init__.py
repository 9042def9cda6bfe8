"""What the book adds to Sphinx: formulas as MathML, tables with numbers."""
