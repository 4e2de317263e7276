"""Serverless RAG: what a user may set."""
