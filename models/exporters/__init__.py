"""Artifacts in the formats of other programs: the network with its weights, and beside it what texts need."""
