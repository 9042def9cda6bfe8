"""The chapter on genre: is the compressed space a better place to recognise it than the raw one?"""
