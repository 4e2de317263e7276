"""Who may do what on the Google half: roles, conditions, and the grants of what is deployed."""
