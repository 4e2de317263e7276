"""Azure on this machine: what its resource types become, the services behind them, and the function host."""
