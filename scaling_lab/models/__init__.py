"""Architecture families, one a file.

A family is a frozen dataclass of its shape, registered as a model, with

    network(outputs) -> flax.linen.Module      init(key, batch) and apply(variables, batch)
    cost(spec) -> counting.Cost                parameters by group, FLOP of one forward pass
    sized(n, spec) -> the member of the family nearest to n parameters

where `spec` (data.Spec) says what comes in and how many outputs there are. Parameters of the last
layer lie under the name `head`, look-up tables under `embedding`; counting goes by these names.

Shape suffixes on arrays: B batch, H height, W width of an image, C channels, D width of a layer,
T time, F feed-forward, K head size, V outputs (classes or vocabulary), R runs.
"""
