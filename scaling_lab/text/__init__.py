"""Text: documents, tokenisers, token files, sentence pairs, n-grams, sampling, beam search, BLEU.

A source in `data/` finds its documents and splits them; this package does what all sources share.
"""
