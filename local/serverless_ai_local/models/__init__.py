"""The model behind every cloud's endpoint: neutral values, a small extractive model, and any OpenAI-compatible URL."""
