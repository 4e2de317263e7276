"""The event pipeline's core: deliveries in, one result or one dead letter an item out."""
