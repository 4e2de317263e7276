"""The commands that need the local cloud: cloud, run, preview, up, destroy, logs."""
