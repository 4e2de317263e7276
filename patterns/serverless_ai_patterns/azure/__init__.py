"""Azure facts that components are made from: roles, limits, filters, alerts, prices. No SDK."""
