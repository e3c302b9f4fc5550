"""What is made from the kept parameters of finished runs: samples, pictures, baselines."""
