"""Function apps: their processes, their triggers, who gets in, and how code gets into them."""
