"""Who may do what: policies, conditions, and the record of every decision."""
