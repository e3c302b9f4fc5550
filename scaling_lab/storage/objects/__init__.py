"""Results on an object store, by way of a local mirror."""
