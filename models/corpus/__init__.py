"""Seeded generators of traffic and attacks, for training and for the demo."""
