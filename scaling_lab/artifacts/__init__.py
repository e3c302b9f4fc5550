"""Samples and pictures from kept parameters, and n-gram baselines."""
