"""The ports on Google Cloud: Vertex AI, Firestore, Pub/Sub, and who this function is."""
