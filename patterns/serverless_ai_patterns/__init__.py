"""What a pattern is: settings, models, prices and the command line. No tool, no cloud SDK."""
