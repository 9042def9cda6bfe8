"""Computations that belong to one chapter each: experiments and demonstrations."""
