"""Azure services on the wire."""
