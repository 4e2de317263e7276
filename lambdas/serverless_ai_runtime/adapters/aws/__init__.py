"""AWS services on the wire."""
