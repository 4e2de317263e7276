"""Google Cloud facts that the Pulumi component states: permissions, delivery, alerts, prices. No SDK."""
