"""The model behind every cloud's endpoint: a small extractive one, or any OpenAI-compatible URL."""
