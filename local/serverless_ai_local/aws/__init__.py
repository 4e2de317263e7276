"""What each AWS resource type becomes on this machine, and the services behind it."""
