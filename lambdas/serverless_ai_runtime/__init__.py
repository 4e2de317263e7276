"""What runs inside the function: pure Python, standard library only."""
