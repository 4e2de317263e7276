"""The core of serverless RAG: documents into chunks into a vector store, and questions into cited answers."""
