"""Text on its way to a model: documents, tokenisers, token files, sentence pairs, n-grams.

A source in `data/` says where its documents are and how they are split; what is common to all of
them is here.
"""
