"""What the local AI services of all three clouds find in the content that they are given."""
