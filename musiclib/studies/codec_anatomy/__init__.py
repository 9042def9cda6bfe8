"""How the codec works: what the chapter draws of each of its parts."""
