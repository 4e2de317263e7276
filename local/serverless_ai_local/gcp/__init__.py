"""Google Cloud on this machine: what its resources become, and the services behind them."""
