"""OpenSearch Serverless: a fake of its control plane and of the calls of a vector search collection."""
